/** Values of scalars and enums as JSON text, as `execute` and `JSON.stringify` would give them. */
import type { GraphQLLeafType } from "graphql"
import { GraphQLBoolean, GraphQLFloat, GraphQLID, GraphQLInt, GraphQLString } from "graphql"
import { textRememberedLengthMax } from "../../protocols/limits.ts"

/** Throws where the value is none of the type. Never asked of null. */
export type Writer = (value: unknown) => string

export function writerOf(type: GraphQLLeafType): Writer {
  const write: Writer = (value) => textOf(type.coerceOutputValue(value))
  // What is already what its type asks for needs no coercion, and a number no serializer.
  if (type === GraphQLString || type === GraphQLID) return textWriter(write)
  if (type === GraphQLBoolean) {
    return (value) => (value === true ? "true" : value === false ? "false" : write(value))
  }
  if (type === GraphQLInt) {
    return (value) =>
      typeof value === "number" && (value | 0) === value ? `${value}` : write(value)
  }
  if (type === GraphQLFloat) {
    return (value) => (Number.isFinite(value) ? `${value}` : write(value))
  }
  return write
}

/** A short text is often that of the row before, such as the type of an entity. */
function textWriter(write: Writer): Writer {
  let last = ""
  let lastText = '""'
  return (value) => {
    if (typeof value !== "string") return write(value)
    if (value === last) return lastText
    const text = JSON.stringify(value)
    if (value.length <= textRememberedLengthMax) {
      last = value
      lastText = text
    }
    return text
  }
}

function textOf(coerced: unknown): string {
  const text = coerced == null ? undefined : JSON.stringify(coerced)
  if (text === undefined) throw new Error("The value has no text.")
  return text
}
