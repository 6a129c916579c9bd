/** A table for people: text to the left, figures to the right, two blanks between columns. */
export type Cell = string | number

export function textTable(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cells = rows.map((row) => row.map(shownCell))
  const widths = header.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)),
  )
  const isFigure = header.map((_, column) => rows.some((row) => typeof row[column] === "number"))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return isFigure[column] ? cell.padStart(width) : cell.padEnd(width)
      })
      .join("  ")
      .trimEnd()
  return [line(header), ...cells.map(line)].join("\n")
}

const shownCell = (cell: Cell): string =>
  typeof cell === "number" ? figure(cell) : printable(cell)

/**
 * On one line and from left to right, whatever data is in it: what moves a terminal's cursor or
 * turns text around is written by its number, so that no name draws over what is beside it.
 */
export const printable = (text: string): string =>
  text.replaceAll(
    /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  )

/** 24771 as 24,771: the same for everybody, whatever their locale. */
export function figure(value: number): string {
  const [whole = "", part] = String(Math.abs(value)).split(".")
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, ",")
  return `${value < 0 ? "-" : ""}${grouped}${part === undefined ? "" : `.${part}`}`
}
