/**
 * From the text of a mapping document to a `Mapping`. What is wrong is said with line and column: YAML
 * syntax, aliases (a few bytes of them can stand for gigabytes), unknown keys, paths that do not parse.
 */
import { Effect } from "effect"
import * as Result from "effect/Result"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from "yaml"
import { Invalid } from "../../protocols/errors.ts"
import { documentBytesMax, documentDepthMax } from "../../protocols/limits.ts"
import { type Mapping, MappingSchema } from "../../protocols/mapping.ts"
import { MappingFault, planOf } from "./plan.ts"

/** Reads and checks a mapping document. */
export const parseMapping = (text: string): Effect.Effect<Mapping, Invalid> =>
  Effect.try({
    try: () => readMapping(text),
    catch: (thrown) => (thrown instanceof Invalid ? thrown : raise(thrown)),
  })

const decode = SchemaParser.decodeUnknownResult(MappingSchema, {
  onExcessProperty: "error",
  errors: "all",
})
const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** As `parseMapping`; throws `Invalid`. */
export function readMapping(text: string): Mapping {
  if (Buffer.byteLength(text, "utf8") > documentBytesMax) {
    throw new Invalid({
      what: "mapping",
      message: `The mapping is longer than ${documentBytesMax} bytes.`,
    })
  }
  const lines = new LineCounter()
  const document = parseYaml(text, lines)
  const decoded = decode(document.toJS())
  if (Result.isFailure(decoded)) {
    const issue = firstOf(format(decoded.failure).issues)
    throw invalid(document, lines, issue.path, issue.message)
  }
  const mapping = decoded.success
  try {
    planOf(mapping)
  } catch (thrown) {
    if (!(thrown instanceof MappingFault)) throw thrown
    throw invalid(document, lines, thrown.path, thrown.message)
  }
  return mapping
}

function parseYaml(text: string, lines: LineCounter): Document {
  let document: Document
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  } catch {
    throw new Invalid({ what: "mapping", message: "The mapping is nested too deeply." })
  }
  const [error] = [...document.errors, ...document.warnings]
  if (error !== undefined)
    throw at(lines, error.pos[0], `The mapping is no YAML: ${error.message}.`)
  visit(document, {
    Node: (_key, node, ancestors) => {
      if (isAlias(node)) throw at(lines, startOf(node), "A mapping has no YAML aliases (*name).")
      if (ancestors.length > 2 * documentDepthMax) {
        throw at(lines, startOf(node), `A mapping is at most ${documentDepthMax} levels deep.`)
      }
    },
  })
  return document
}

interface PlainIssue {
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** The issue that a person should see: an unknown key before what it left missing. */
function firstOf(issues: ReturnType<typeof format>["issues"]): PlainIssue {
  const plain = issues.map((issue) => ({
    path: (issue.path ?? []).map((part) => {
      const key = typeof part === "object" ? part.key : part
      return typeof key === "number" ? key : String(key)
    }),
    message: issue.message,
  }))
  const unknown = plain.find((issue) => issue.message === "Expected no excess property")
  if (unknown !== undefined) {
    return { path: unknown.path, message: `There is no key ${unknown.path.at(-1)} here.` }
  }
  const [first = { path: [], message: "It is no mapping." }] = plain
  const where = first.path.length === 0 ? "" : ` at ${first.path.join(".")}`
  return { path: first.path, message: `${first.message}${where}.` }
}

function invalid(
  document: Document,
  lines: LineCounter,
  path: readonly (string | number)[],
  message: string,
): Invalid {
  return at(lines, offsetOf(document, path), message)
}

/** Where the value at `path` begins; of a missing one, where its parent does. */
function offsetOf(document: Document, path: readonly (string | number)[]): number {
  for (let length = path.length; length > 0; length--) {
    const key = keyNodeOf(document, path.slice(0, length))
    if (key !== undefined) return startOf(key)
  }
  return isNode(document.contents) ? startOf(document.contents) : 0
}

function keyNodeOf(document: Document, path: readonly (string | number)[]): Node | undefined {
  const parent: unknown =
    path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)
  const last = path.at(-1)
  if (isMap(parent)) {
    const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === last)
    return isNode(pair?.key) ? pair.key : undefined
  }
  const found: unknown = document.getIn(path, true)
  return isNode(found) ? found : undefined
}

const startOf = (node: Node): number => node.range?.[0] ?? 0

function at(lines: LineCounter, offset: number, message: string): Invalid {
  const { line, col } = lines.linePos(offset)
  return new Invalid({
    what: "mapping",
    message: `${message} (line ${line}, column ${col})`,
    line,
    column: col,
  })
}

function raise(thrown: unknown): never {
  throw thrown
}
