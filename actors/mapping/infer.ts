/**
 * Proposes a mapping from a look at some records. The proposal is a beginning for a person, not a
 * claim: each guess stands beside what it was made from, and the file says what to look at.
 */
import type { Json } from "../../protocols/canonical.ts"
import { inferFieldsMax, inferRecordsMax } from "../../protocols/limits.ts"
import type { CoercionName } from "../../protocols/mapping.ts"
import { parseInstant } from "../../protocols/units.ts"
import { isObject } from "./values.ts"

export interface InferInput {
  /** Name of the file, for the words of the proposal. */
  readonly file: string
  readonly format: "json" | "ndjson" | "csv"
  /** Names down to the array of records of a JSON document. */
  readonly records: readonly string[] | undefined
  readonly delimiter: string | undefined
  readonly sample: readonly Json[]
}

interface Field {
  readonly path: string
  readonly name: string
  readonly depth: number
  present: number
  readonly kinds: Set<string>
  readonly values: Set<string>
  dates: number
  numbers: number
}

/** YAML text of a mapping that reads the sample; `undefined` where no field could be a key. */
export function inferMapping(input: InferInput): string | undefined {
  const sample = input.sample.slice(0, inferRecordsMax)
  const fields = fieldsOf(sample)
  const scalars = fields.filter((field) => !field.kinds.has("list")).toSorted(byDepth)
  const key = keyOf(scalars, sample.length)
  if (key === undefined) return undefined
  const version = scalars.find((field) => isDate(field) && versionName.test(field.name))
  const texts = scalars.filter((field) => field !== key && isText(field))
  const name =
    texts.find((field) => titleName.test(field.name)) ??
    texts.find((field) => /name$/i.test(field.name))
  const unique = key.values.size === sample.length
  const lines = [
    ...opening(input, sample.length),
    "version: 1",
    ...(input.records === undefined ? [] : [`records: ${quoted(`${pathOf(input.records)}[*]`)}`]),
    ...(input.delimiter === undefined
      ? []
      : [`csv: {delimiter: ${JSON.stringify(input.delimiter)}}`]),
    ...recordLines(key, unique, version),
    "entities:",
    `  - type: ${quoted(typeOf(input))}  # take the word that other sources use for such things`,
    `    key: ${quoted(key.path)}`,
    ...(name === undefined ? [] : [`    name: ${quoted(name.path)}`]),
    ...propertyLines(fields, [key, name], sample.length),
    ...relationshipLines(fields, key, input),
  ]
  return `${lines.join("\n")}\n`
}

const versionName = /^(date_?)?(last_?)?(modified|updated|changed)(_?(at|on|date|time))?$/i
const titleName = /^(name|title|label|display_?name)$/i
const idName = /^(id|key|uuid|guid|code)$|(_id|Id|ID|_key|_code|uuid)$/

function fieldsOf(sample: readonly Json[]): readonly Field[] {
  const fields = new Map<string, Field>()
  for (const record of sample) if (isObject(record)) look(record, [], fields)
  return [...fields.values()]
}

/** Members of nested objects count as fields; members of lists do not. */
function look(value: Json, path: readonly string[], fields: Map<string, Field>): void {
  if (isObject(value)) {
    for (const name of Object.keys(value)) look(value[name] ?? null, [...path, name], fields)
    return
  }
  if (value === null || value === "") return
  const id = pathOf(path)
  const field = fields.get(id) ?? newField(id, path)
  if (!fields.has(id)) {
    if (fields.size >= inferFieldsMax) return
    fields.set(id, field)
  }
  field.present++
  if (Array.isArray(value)) {
    const scalar = value.every((item) => item !== null && typeof item !== "object")
    field.kinds.add("list").add(scalar ? "scalars" : "objects")
    return
  }
  const text = String(value)
  field.kinds.add(typeof value)
  field.values.add(text)
  if (typeof value === "string" && parseInstant(text) !== undefined) field.dates++
  if (typeof value === "string" && /^-?(0|[1-9]\d{0,14})(\.\d+)?$/.test(text)) field.numbers++
}

const newField = (id: string, path: readonly string[]): Field => ({
  path: id,
  name: path.at(-1) ?? "",
  depth: path.length,
  present: 0,
  kinds: new Set(),
  values: new Set(),
  dates: 0,
  numbers: 0,
})

const isDate = (field: Field): boolean => field.dates === field.present
/** What few records have is left to a person. */
const isRare = (field: Field, count: number): boolean => field.present < count / 100
const byDepth = (a: Field, b: Field): number => a.depth - b.depth
const isText = (field: Field): boolean => field.kinds.has("string") && !isDate(field)

/** In every record and of one value each; among those the one named like a key, else the first. */
function keyOf(fields: readonly Field[], count: number): Field | undefined {
  const everywhere = fields.filter((field) => field.present === count && count > 0)
  const unique = everywhere.filter((field) => field.values.size === count)
  const named = (list: readonly Field[]) => list.find((field) => idName.test(field.name))
  const widest = everywhere.toSorted((a, b) => b.values.size - a.values.size)[0]
  return named(unique) ?? unique.find((field) => !isDate(field)) ?? named(everywhere) ?? widest
}

function opening(input: InferInput, count: number): readonly string[] {
  const { file, format } = input
  const yaml = `${file.replace(/(\.gz|\.(json|ndjson|jsonl|csv))+$/i, "")}.yaml`
  return [
    `# Proposed by \`mapping infer\` from ${count} records of ${oneLine(file)}. Mend it, then:`,
    `#   npx --no intelgraph ingest --source NAME --format ${format} \\`,
    `#     --mapping ${oneLine(yaml)} ${oneLine(file)}`,
    "# A value that is not what `as` says sets its record aside; `intelgraph dlq ls` shows which.",
  ]
}

function recordLines(key: Field, unique: boolean, version: Field | undefined): readonly string[] {
  const lines = unique
    ? ["record:", `  key: ${quoted(key.path)}  # another one in each record looked at`]
    : [
        "# No field is another one in each record. Records with the same key below become one",
        "# entity; a record itself is known by its bytes, so a changed one counts as new.",
        ...(version === undefined ? [] : ["record:"]),
      ]
  if (version === undefined) return lines
  return [
    ...lines,
    `  version: ${quoted(version.path)}  # a date: older records do not replace newer`,
  ]
}

function propertyLines(
  fields: readonly Field[],
  used: readonly (Field | undefined)[],
  count: number,
): readonly string[] {
  const names = new Set<string>(["name", "raw"])
  const lines: string[] = []
  for (const field of fields) {
    if (used.includes(field) || field.kinds.has("objects") || isRare(field, count)) continue
    const name = nameFor(field, names)
    const as = coercionOf(field)
    const source =
      as === undefined ? quoted(field.path) : `{path: ${JSON.stringify(field.path)}, as: ${as}}`
    const some = field.present === count ? "" : `  # in ${field.present} of ${count}`
    lines.push(`      ${quoted(name)}: ${source}${some}`)
  }
  return lines.length === 0 ? [] : ["    properties:", ...lines]
}

function nameFor(field: Field, names: Set<string>): string {
  const short = field.name
  const name = short !== "" && !names.has(short) ? short : field.path.slice(2).replaceAll(".", "_")
  names.add(name)
  return name
}

function coercionOf(field: Field): CoercionName | undefined {
  if (field.kinds.has("list")) return undefined
  if (isDate(field)) return "date"
  if (field.kinds.size > 1) return "string"
  return field.numbers === field.present ? "number" : undefined
}

/**
 * Ends of relationships cannot be told from the data: what looks like one is shown as a comment.
 */
function relationshipLines(
  fields: readonly Field[],
  key: Field,
  input: InferInput,
): readonly string[] {
  const other = fields.find(
    (field) => field !== key && (idName.test(field.name) || field.kinds.has("scalars")),
  )
  if (other === undefined) return []
  const path = other.kinds.has("scalars") ? `${other.path}[*]` : other.path
  return [
    "# relationships:",
    "#   - type: related-to",
    `#     from: {type: ${quoted(typeOf(input))}, key: ${JSON.stringify(key.path)}}`,
    `#     to: {type: other-thing, key: ${JSON.stringify(path)}}`,
  ]
}

const plainList = /^(values|items|data|records|results|objects|entries|rows|list)$/i

function typeOf(input: InferInput): string {
  const file = input.file.split(/[\\/]/).at(-1) ?? ""
  const list = input.records?.at(-1) ?? ""
  const word = list === "" || plainList.test(list) ? (file.split(".")[0] ?? "") : list
  const plain = word
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
  const single = plain.replace(/ies$/, "y").replace(/([^s])s$/, "$1")
  return single.slice(0, 63) || "thing"
}

const pathOf = (path: readonly string[]): string => `$${path.map(stepOf).join("")}`

const stepOf = (name: string): string =>
  /^[^.[\]{}"]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`

const quoted = (text: string): string =>
  /^[$A-Za-z_][\w.$-]*$/.test(text) && !/^(true|false|null|yes|no|on|off)$/i.test(text)
    ? text
    : JSON.stringify(text)

const oneLine = (text: string): string => text.replaceAll(/[\r\n]+/g, " ")
