/**
 * Properties and aliases as the texts that are stored: canonical JSON, so that equal values are
 * equal texts and unchanged rows are seen without parsing.
 */
import { byCodeUnits } from "../../protocols/canonical.ts"
import { invariant } from "../../protocols/errors.ts"
import type { Alias, Properties, PropertyValue } from "../../protocols/graph.ts"
import { searchedCharactersMax } from "../../protocols/limits.ts"
import { compareUtf8 } from "../../protocols/visible.ts"

export const noProperties = "{}"
export const noAliases = "[]"

/** RFC 8785 for a flat object; a number that is not finite or a lone surrogate is a defect. */
export function textOfProperties(properties: Properties): string {
  const text = textBySerializer(properties)
  return text === undefined || isSuspect(text) ? textByParts(properties) : text
}

// One call to the engine's serializer costs a third of one per member. It writes members in the
// order in which they were set, except names that are integers or `__proto__`.
function textBySerializer(properties: Properties): string | undefined {
  const { isPlain, sorted } = shapeOf(Object.keys(properties))
  if (!isPlain) return undefined
  if (sorted === undefined) return JSON.stringify(properties)
  const inOrder: { [name: string]: PropertyValue | undefined } = {}
  for (const name of sorted) inOrder[name] = properties[name]
  return JSON.stringify(inOrder)
}

const plainName = /^[A-Za-z][A-Za-z0-9_.-]*$/

/** Names of properties, in the order in which they were set. */
interface Shape {
  readonly names: readonly string[]
  readonly isPlain: boolean
  /** Where they do not stand in this order already. */
  readonly sorted: readonly string[] | undefined
}

/** The last one of each length: the records of a source have few. */
const shapes: Shape[] = []
const shapeNamesMax = 64

function shapeOf(names: readonly string[]): Shape {
  const known = shapes[names.length]
  if (known?.names.every((name, i) => name === names[i])) return known
  const isPlain = names.every((name) => plainName.test(name))
  const sorted = isSorted(names) ? undefined : names.toSorted(byCodeUnits)
  const shape = { names, isPlain, sorted }
  if (names.length <= shapeNamesMax) shapes[names.length] = shape
  return shape
}

// What the serializer makes of lone surrogates and of numbers that are not finite.
const isSuspect = (text: string): boolean => text.includes("\\ud") || text.includes("null")

function textByParts(properties: Properties): string {
  const members: string[] = []
  for (const name of Object.keys(properties).sort(byCodeUnits)) {
    const value = properties[name]
    if (value !== undefined) members.push(`${textOf(name)}:${textOf(value)}`)
  }
  return `{${members.join(",")}}`
}

/** What `textOfProperties` made; a property may be called anything, `__proto__` too. */
export const propertiesOf = (text: string): Properties => JSON.parse(text) as Properties

/** `[[scheme, value], …]`, sorted, each once. */
export function textOfAliases(aliases: readonly Alias[]): string {
  if (aliases.length === 0) return noAliases
  const sorted = [...aliases].sort(compareAliases)
  const distinct = sorted.filter((alias, i) => {
    const before = sorted[i - 1]
    return before === undefined || compareAliases(before, alias) !== 0
  })
  return JSON.stringify(distinct.map(({ scheme, value }) => [scheme, value]))
}

export const aliasesOf = (text: string): readonly Alias[] =>
  text === noAliases
    ? []
    : (JSON.parse(text) as [string, string][]).map(([scheme, value]) => ({ scheme, value }))

/**
 * What text search finds an entity by: its string properties, `raw` not among them. Where that is
 * too much, the beginning of it and a mark, so that what filters by the index does not miss the
 * rest.
 */
export function searchedText(properties: Properties): string {
  let text = ""
  for (const name of Object.keys(properties)) {
    const value = properties[name]
    if (name === "raw" || value === undefined) continue
    if (typeof value === "string") text += `${value}\n`
    else if (Array.isArray(value) && typeof value[0] === "string") text += `${value.join("\n")}\n`
  }
  return text.length <= searchedCharactersMax
    ? text
    : `${text.slice(0, searchedCharactersMax)}\n${cutMark}\n`
}

// Of the private use area, which is a letter to the index; people's words are stripped of it.
/** Stands in the text of an entity that is indexed in part. */
export const cutMark = "\uE001"
/** Begins the word by which a search is kept to one type. */
export const typeToken = (type: number): string => `\uE000${type.toString(36)}`

/**
 * Whether the stored properties have `revoked === true`. In canonical JSON a quote within a string
 * is escaped, so these characters stand nowhere else.
 */
export const isRevoked = (properties: string): boolean => properties.includes('"revoked":true')

const compareAliases = (a: Alias, b: Alias): number =>
  compareUtf8(a.scheme, b.scheme) || compareUtf8(a.value, b.value)

function isSorted(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) {
    if ((names[i - 1] ?? "") > (names[i] ?? "")) return false
  }
  return true
}

function textOf(value: PropertyValue): string {
  if (typeof value === "string") invariant(value.isWellFormed(), "A property is well-formed text.")
  if (typeof value === "number") invariant(Number.isFinite(value), "A property is a finite number.")
  if (typeof value === "object") return `[${value.map(textOf).join(",")}]`
  return JSON.stringify(value)
}
