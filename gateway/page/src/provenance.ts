/** Which record of which source each seen property comes from, and what others say instead. */
import type { Assertion, Properties } from "./answers.ts"

export interface PropertyRow {
  readonly name: string
  readonly value: unknown
  /** The strongest assertion that has the property; `undefined` where the node named none. */
  readonly from: Assertion | undefined
  /** Weaker ones that have it too, strongest first. */
  readonly others: readonly {
    readonly assertion: Assertion
    readonly value: unknown
    readonly agrees: boolean
  }[]
}

/** Properties that say most, in this order; the others follow by name. */
const first = ["name", "description"]

/** `sources` are the strongest first: the first one that has the property is the one seen. */
export function propertyRows(
  properties: Properties,
  sources: readonly Assertion[],
): readonly PropertyRow[] {
  return Object.keys(properties)
    .sort((a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1))
    .map((name) => {
      const [from, ...weaker] = sources.filter((source) => Object.hasOwn(source.properties, name))
      const value = properties[name]
      const others = weaker.map((assertion) => {
        const other = assertion.properties[name]
        return { assertion, value: other, agrees: isSame(other, value) }
      })
      return { name, value, from, others }
    })
}

const rankOf = (name: string): number => {
  const place = first.indexOf(name)
  return place === -1 ? first.length : place
}

/** The node writes properties in one order, so equal values have equal text. */
const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** Sources of an entity, each once, strongest first. */
export const sourceNames = (sources: readonly Assertion[]): readonly string[] => [
  ...new Set(sources.map(({ source }) => source)),
]
