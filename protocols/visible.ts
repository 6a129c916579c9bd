/**
 * The visible entity or relationship as a pure function of its assertions (contracts §2): per
 * property the source with the higher priority wins, then the newer version (none is oldest), then
 * the source's name, then the record key, both by UTF-8 bytes with the lesser first. Arrival order
 * never shows.
 */
import type { Properties, PropertyValue } from "./graph.ts"
import type { Instant } from "./units.ts"

export interface RankedAssertion {
  readonly source: string
  readonly priority: number
  readonly version: Instant | undefined
  readonly recordKey: string
  readonly properties: Properties
}

/** The stronger assertion first. */
export function compareAssertions(a: RankedAssertion, b: RankedAssertion): number {
  return (
    b.priority - a.priority ||
    rankOfVersion(b) - rankOfVersion(a) ||
    compareUtf8(a.source, b.source) ||
    compareUtf8(a.recordKey, b.recordKey)
  )
}

const rankOfVersion = (assertion: RankedAssertion) => assertion.version ?? Number.MIN_SAFE_INTEGER

/** The properties that are seen, in no particular order of names. */
export function mergeProperties(assertions: readonly RankedAssertion[]): Properties {
  const merged: { [name: string]: PropertyValue } = Object.create(null)
  for (const assertion of [...assertions].sort(compareAssertions)) {
    for (const name of Object.keys(assertion.properties)) {
      const value = assertion.properties[name]
      if (value !== undefined && !Object.hasOwn(merged, name)) merged[name] = value
    }
  }
  return merged
}

/** Order by UTF-8 bytes, which is also that of code points and of SQLite's BINARY collation. */
export function compareUtf8(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (x !== y) return rankOfUnit(x) - rankOfUnit(y)
  }
  return a.length - b.length
}

// UTF-16 puts surrogates (code points from U+10000) below U+E000–U+FFFF; UTF-8 puts them above.
const rankOfUnit = (unit: number): number =>
  unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit
