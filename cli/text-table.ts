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

const shownCell = (cell: Cell): string => (typeof cell === "number" ? figure(cell) : cell)

/** 24771 as 24,771: the same for everybody, whatever their locale. */
export function figure(value: number): string {
  const [whole = "", part] = String(Math.abs(value)).split(".")
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, ",")
  return `${value < 0 ? "-" : ""}${grouped}${part === undefined ? "" : `.${part}`}`
}
