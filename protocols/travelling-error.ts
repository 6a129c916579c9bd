/** Errors of the catalogue as plain values: they read and exit elsewhere as they do here. */
import * as errors from "./errors.ts"
import { catalogue, type IntelGraphError, isIntelGraphError } from "./errors.ts"

export type PlainError = { readonly [name: string]: unknown }

/** What travels: code, sentence and figures; never a stack or a cause. */
export const plainOfError = (error: IntelGraphError): PlainError => ({
  ...Object.fromEntries(Object.entries(error).filter(([, value]) => typeof value !== "object")),
  _tag: error._tag,
  message: error.message,
})

/** Of the class of its code; `undefined` for what is no error of the catalogue. */
export function errorOfPlain(value: unknown): IntelGraphError | undefined {
  if (typeof value !== "object" || value === null) return undefined
  const plain: PlainError = { ...value }
  if (typeof plain._tag !== "string" || !Object.hasOwn(catalogue, plain._tag)) return undefined
  const Type: unknown = (errors as PlainError)[plain._tag]
  if (typeof Type !== "function") return undefined
  const made: unknown = Reflect.construct(Type, [{ ...plain, message: String(plain.message) }])
  return isIntelGraphError(made) ? made : undefined
}
