/**
 * Cursors of pages: base64url of a JSON list. They hold only what the page itself showed, nothing
 * of the tenant or of the store; one that the store never made is refused.
 */
import { Invalid, LimitExceeded } from "../../protocols/errors.ts"
import { pageSizeMax } from "../../protocols/limits.ts"
import type { Page, PageRequest } from "./port.ts"

type CursorPart = string | number

export const encodeCursor = (parts: readonly CursorPart[]): string =>
  Buffer.from(JSON.stringify(parts), "utf8").toString("base64url")

/** `shape` has a value of each part's type. */
export function decodeCursor<A extends readonly CursorPart[]>(cursor: string, shape: A): A {
  const parts = partsOf(cursor, shape)
  if (parts !== undefined) return parts
  throw new Invalid({ what: "cursor", message: "The cursor is not one that a page ended with." })
}

/** What `encodeCursor` put in; `undefined` where it never made this. */
export function partsOf<A extends readonly CursorPart[]>(cursor: string, shape: A): A | undefined {
  const parts = parse(cursor)
  const fits =
    Array.isArray(parts) &&
    parts.length === shape.length &&
    parts.every((part, i) => typeof part === typeof shape[i]) &&
    encodeCursor(parts) === cursor
  return fits ? (parts as unknown as A) : undefined
}

/** How many rows a page shows; at least one. */
export function sizeOf(page: PageRequest): number {
  const { first } = page
  if (!Number.isInteger(first) || first < 1) {
    throw new Invalid({ what: "first", message: "A page has a whole number of rows, at least 1." })
  }
  if (first <= pageSizeMax) return first
  const message = `A page has at most ${pageSizeMax} rows; ${first} were asked for.`
  throw new LimitExceeded({ limit: "pageSizeMax", bound: pageSizeMax, value: first, message })
}

/** A page of `rows`, which hold one more than it where there are more. */
export function pageOf<A>(
  rows: readonly A[],
  first: number,
  cursorOf: (row: A) => readonly CursorPart[],
): Page<A> {
  const items = rows.slice(0, first)
  const last = items.at(-1)
  return {
    items,
    end: last === undefined ? undefined : encodeCursor(cursorOf(last)),
    hasMore: rows.length > first,
  }
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"))
  } catch {
    return undefined
  }
}
