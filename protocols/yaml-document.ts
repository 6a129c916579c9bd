/**
 * From the text of a YAML document to a value of a schema. What is wrong is said with line and
 * column: syntax, aliases (a few bytes of them can stand for gigabytes), unknown keys, values out
 * of bounds.
 */
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
} from "yaml"
import { Invalid } from "./errors.ts"
import { documentBytesMax, documentDepthMax } from "./limits.ts"

export type DocumentPath = readonly (string | number)[]

export interface ReadDocument<A> {
  readonly value: A
  /** What is wrong with the value at `path`, with its line and column. */
  readonly refuse: (path: DocumentPath, message: string) => Invalid
}

/** Reads the document called `what`; throws `Invalid`. */
export function readYamlDocument<S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  what: string,
  text: string,
): ReadDocument<S["Type"]> {
  if (Buffer.byteLength(text, "utf8") > documentBytesMax) {
    throw new Invalid({ what, message: `The ${what} is longer than ${documentBytesMax} bytes.` })
  }
  const place = new Places(what)
  const document = parsed(text, place)
  const refuse = (path: DocumentPath, message: string) =>
    place.at(offsetOf(document, path), message)
  const decoded = SchemaParser.decodeUnknownResult(schema, {
    onExcessProperty: "error",
    errors: "all",
  })(document.toJS())
  if (Result.isSuccess(decoded)) return { value: decoded.success, refuse }
  const issue = worstOf(SchemaIssue.makeFormatterStandardSchemaV1()(decoded.failure).issues, what)
  throw refuse(issue.path, issue.message)
}

class Places {
  readonly lines = new LineCounter()
  readonly what: string

  constructor(what: string) {
    this.what = what
  }

  at(offset: number, sentence: string): Invalid {
    const { line, col: column } = this.lines.linePos(offset)
    const message = `${sentence} (${this.what}, line ${line}, column ${column})`
    return new Invalid({ what: this.what, message, line, column })
  }
}

function parsed(text: string, place: Places): Document {
  const { lines: lineCounter } = place
  const document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: true })
  const [fault] = [...document.errors, ...document.warnings]
  if (fault !== undefined) throw place.at(fault.pos[0], `This is no YAML: ${fault.message}.`)
  visit(document, {
    Node: (_key, node, ancestors) => {
      const offset = node.range?.[0] ?? 0
      if (isAlias(node)) throw place.at(offset, "YAML aliases (*name) are refused.")
      if (ancestors.length > 2 * documentDepthMax) {
        throw place.at(offset, `At most ${documentDepthMax} levels are allowed.`)
      }
    },
  })
  return document
}

interface Issue {
  readonly path: DocumentPath
  readonly message: string
}

type StandardIssues = ReturnType<
  ReturnType<typeof SchemaIssue.makeFormatterStandardSchemaV1>
>["issues"]

/** The one that a person should see first: an unknown key, since it often left another missing. */
function worstOf(issues: StandardIssues, what: string): Issue {
  const plain = issues.map(({ path = [], message }) => ({
    path: path.map((part) => {
      const key = typeof part === "object" ? part.key : part
      return typeof key === "number" ? key : String(key)
    }),
    message,
  }))
  const unknown = plain.find(({ message }) => message === "Expected no excess property")
  if (unknown !== undefined) {
    return { path: unknown.path, message: `There is no key ${unknown.path.at(-1)} here.` }
  }
  const [first = { path: [], message: `It is no ${what}` }] = plain
  const where = first.path.length === 0 ? "" : ` at ${first.path.join(".")}`
  return { path: first.path, message: `${first.message}${where}.` }
}

/** Where the value at `path` begins; of a missing one, where what should hold it does. */
function offsetOf(document: Document, path: DocumentPath): number {
  for (let length = path.length; length > 0; length--) {
    const offset = offsetAt(document, path.slice(0, length))
    if (offset !== undefined) return offset
  }
  return isNode(document.contents) ? (document.contents.range?.[0] ?? 0) : 0
}

function offsetAt(document: Document, path: DocumentPath): number | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)
  const last = path.at(-1)
  if (isMap(parent)) {
    const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(last))
    return isNode(pair?.key) ? pair.key.range?.[0] : undefined
  }
  const found: unknown = document.getIn(path, true)
  return isNode(found) ? found.range?.[0] : undefined
}
