/**
 * How a source is laid out, told from its first bytes: which cutter reads it, where its records
 * begin, and the columns of a CSV header. The same bytes give the same layout, so that reading can
 * go on from any place with the layout found again.
 */
import { Invalid } from "../../protocols/errors.ts"
import { nameBytesMax } from "../../protocols/limits.ts"
import { planOf } from "../mapping/plan.ts"
import { Rejection } from "../mapping/values.ts"
import type { Recipe } from "../source.ts"
import { parseRow } from "./csv-row.ts"
import { asBuffer, type Cutter, isBlank } from "./cut.ts"
import { LineCutter, type LineSettings } from "./lines.ts"
import { ArraySeeker } from "./seek-array.ts"
import { Structure } from "./structure.ts"
import { ValueCutter, type ValueSettings } from "./values.ts"

export type Layout =
  | { readonly kind: "lines"; readonly settings: LineSettings }
  | { readonly kind: "values"; readonly settings: ValueSettings }

export interface LaidOut {
  readonly layout: Layout
  /** The recipe, with the columns of a CSV header. */
  readonly recipe: Recipe
}

/** Throws `Invalid` where the format and the mapping do not fit, or a CSV header is unusable. */
export function layOut(recipe: Recipe, head: Uint8Array): LaidOut {
  checkRecipe(recipe)
  const bytes = asBuffer(head)
  const start = startOf(bytes)
  switch (recipe.format) {
    case "ndjson":
    case "retract":
      return { recipe, layout: lines(start) }
    case "csv":
      return layOutCsv(recipe, bytes, start)
    case "stix":
      return { recipe, layout: layOutStix(bytes, start) }
    case "json":
      return { recipe, layout: layOutJson(recipe, bytes, start) }
  }
}

/** A cutter that goes on from a record's beginning, or from the place after the last. */
export function makeCutter(
  layout: Layout,
  from: { readonly offset: number; readonly ordinal: number },
): Cutter {
  return layout.kind === "lines"
    ? new LineCutter(layout.settings, from)
    : new ValueCutter(layout.settings, from)
}

/** Throws `Invalid` where the format and the mapping do not fit. */
export function checkRecipe({ format, mapping }: Pick<Recipe, "format" | "mapping">): void {
  if (mapping === undefined) return
  if (format === "retract") throw refuse("A retraction takes no mapping.")
  if (format === "stix") throw refuse("STIX is built in: it takes no mapping.")
  if (mapping.records !== undefined && format !== "json") {
    throw refuse(`records is for JSON documents, not for ${format}.`)
  }
  if (mapping.csv !== undefined && format !== "csv") {
    throw refuse(`csv is for CSV files, not for ${format}.`)
  }
}

const refuse = (message: string) => new Invalid({ what: "mapping", message })

function startOf(bytes: Buffer): number {
  const [a, b, c] = bytes
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) {
    throw new Invalid({ what: "source", message: "The source is UTF-16; convert it to UTF-8." })
  }
  return a === 0xef && b === 0xbb && c === 0xbf ? 3 : 0
}

const lines = (start: number): Layout => ({
  kind: "lines",
  settings: { start, delimiter: undefined },
})

function values(bytes: Buffer, start: number, path: readonly string[] | undefined): Layout {
  const opening = path === undefined ? undefined : openingOf(bytes, start, path)
  return { kind: "values", settings: { start, path, opening } }
}

const beginsWith = (bytes: Buffer, start: number, byte: string): boolean => {
  let at = start
  while (at < bytes.length && isBlank(bytes[at])) at++
  return bytes[at] === byte.charCodeAt(0)
}

function layOutJson(recipe: Recipe, bytes: Buffer, start: number): Layout {
  const path = recipe.mapping === undefined ? undefined : planOf(recipe.mapping).records
  if (path !== undefined) return values(bytes, start, path)
  return values(bytes, start, beginsWith(bytes, start, "[") ? [] : undefined)
}

/** A bundle, a list of objects, or one object a line. */
function layOutStix(bytes: Buffer, start: number): Layout {
  if (beginsWith(bytes, start, "[")) return values(bytes, start, [])
  const objects = new ArraySeeker(["objects"]).seek(bytes, start)
  if (objects < 0) return lines(start)
  let at = start
  while (isBlank(bytes[at])) at++
  const first = new Structure([]).scan(bytes, at)
  const bundle = first.kind === "more" || objects <= first.at
  return bundle ? values(bytes, start, ["objects"]) : lines(start)
}

/**
 * What a later record's beginning looks like: what parts the first two, and the first one up to its
 * first name.
 */
function openingOf(bytes: Buffer, start: number, path: readonly string[]): Uint8Array | undefined {
  let first = new ArraySeeker(path).seek(bytes, start)
  if (first < 0) return undefined
  while (first < bytes.length && isBlank(bytes[first])) first++
  const name = matchAt(bytes, first, /^\{[ \t\r\n]*"(?:[^"\\]|\\.)*"/)
  if (name === undefined) return undefined
  const { kind, at } = new Structure([]).scan(bytes, first)
  const gap = kind === "end" ? matchAt(bytes, at, /^[ \t\r\n]*,[ \t\r\n]*/) : undefined
  return Buffer.from(`${gap ?? ","}${name}`, "latin1")
}

const matchAt = (bytes: Buffer, from: number, pattern: RegExp): string | undefined =>
  pattern.exec(bytes.toString("latin1", from, from + nameBytesMax))?.[0]

function layOutCsv(recipe: Recipe, bytes: Buffer, start: number): LaidOut {
  const settings = recipe.mapping?.csv
  const delimiter = settings?.delimiter ?? ","
  const code = delimiter.charCodeAt(0)
  const named = settings?.columns ?? []
  const rows = new LineCutter({ start, delimiter: code }, { offset: 0, ordinal: 0 })
  const [header] = [...rows.push(bytes), ...rows.finish("whole")]
  if (settings?.header === false || header === undefined) {
    return { recipe: { ...recipe, columns: named }, layout: csv(start, code) }
  }
  const end = header.offset + (header.fault?.lengthBytes ?? header.bytes.length)
  const feed = bytes.indexOf(0x0a, end)
  const layout = csv(feed < 0 ? bytes.length : feed + 1, code)
  if (named.length > 0) return { recipe: { ...recipe, columns: named }, layout }
  if (header.fault !== undefined) throw badHeader(header.fault.detail)
  return { recipe: { ...recipe, columns: columnsOf(header.bytes, delimiter) }, layout }
}

const csv = (start: number, delimiter: number): Layout => ({
  kind: "lines",
  settings: { start, delimiter },
})

function columnsOf(header: Uint8Array, delimiter: string): readonly string[] {
  const cells = cellsOf(asBuffer(header).toString("utf8"), delimiter)
  const columns = cells.map((cell, i) => cell.trim() || `column${i + 1}`)
  const seen = new Set<string>()
  for (const column of columns) {
    if (seen.has(column)) throw badHeader(`The column ${JSON.stringify(column)} is there twice.`)
    seen.add(column)
  }
  return columns
}

function cellsOf(row: string, delimiter: string): readonly string[] {
  try {
    return parseRow(row, delimiter)
  } catch (thrown) {
    if (thrown instanceof Rejection) throw badHeader(thrown.fault.detail)
    throw thrown
  }
}

const badHeader = (detail: string) =>
  new Invalid({ what: "CSV header", message: `The CSV header cannot be used: ${detail}` })
