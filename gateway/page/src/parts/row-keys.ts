/** Arrow keys move the focus along a list of links or buttons, as one expects of a list. */

/** For `onKeyDown` of the list; rows are what `selector` finds in it. */
export function moveByKeys(event: KeyboardEvent, selector: string): void {
  const list = event.currentTarget
  if (!(list instanceof HTMLElement)) return
  const rows = [...list.querySelectorAll<HTMLElement>(selector)]
  const now = rows.indexOf(document.activeElement as HTMLElement)
  if (now === -1) return
  const next = placeAfter(event.key, now, rows.length)
  if (next === undefined) return
  event.preventDefault()
  rows[next]?.focus()
}

/** Where a key leads in a list of so many; `undefined` for other keys. */
export function placeAfter(key: string, now: number, of: number): number | undefined {
  if (key === "ArrowDown") return Math.min(of - 1, now + 1)
  if (key === "ArrowUp") return Math.max(0, now - 1)
  if (key === "Home") return 0
  if (key === "End") return of - 1
  return undefined
}
