/** One row of CSV (RFC 4180) to cells, and cells to a record. */
import type { Json } from "../../protocols/canonical.ts"
import { csvColumnsMax } from "../../protocols/limits.ts"
import { checkText } from "../mapping/json.ts"
import { Rejection, setOwn } from "../mapping/values.ts"

/**
 * The cells of a row without its line end. A quote opens a quoted cell only where the cell begins;
 * a quote elsewhere is a character. Throws a `Rejection` where a quoted cell is not closed, or goes
 * on.
 */
export function parseRow(row: string, delimiter: string): string[] {
  if (!row.includes('"')) return checkColumns(row.split(delimiter))
  const cells: string[] = []
  let at = 0
  for (;;) {
    const quoted = row[at] === '"'
    const end = quoted ? endOfQuoted(row, at) : endOfCell(row, at, delimiter)
    cells.push(quoted ? row.slice(at + 1, end - 1).replaceAll('""', '"') : row.slice(at, end))
    if (end >= row.length) return checkColumns(cells)
    if (row[end] !== delimiter) throw new Rejection("invalid-csv", "Text follows a closing quote.")
    at = end + 1
  }
}

function endOfCell(row: string, at: number, delimiter: string): number {
  const end = row.indexOf(delimiter, at)
  return end < 0 ? row.length : end
}

function endOfQuoted(row: string, open: number): number {
  let at = open + 1
  for (;;) {
    const quote = row.indexOf('"', at)
    if (quote < 0) throw new Rejection("invalid-csv", "A quoted cell is not closed.")
    if (row[quote + 1] !== '"') return quote + 1
    at = quote + 2
  }
}

function checkColumns(cells: string[]): string[] {
  if (cells.length <= csvColumnsMax) return cells
  throw new Rejection("invalid-csv", `The row has more than ${csvColumnsMax} cells.`)
}

/** The row as a record of texts by column; cells that stand for no value are left out. */
export function recordOfRow(
  cells: readonly string[],
  columns: readonly string[],
  nulls: readonly string[],
): Json {
  if (cells.length !== columns.length) {
    const message = `The row has ${cells.length} cells, the header ${columns.length}.`
    throw new Rejection("invalid-csv", message)
  }
  const record: { [name: string]: Json } = {}
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i] ?? ""
    if (nulls.includes(cell)) continue
    checkText(cell)
    setOwn(record, columns[i] ?? "", cell)
  }
  return record
}
