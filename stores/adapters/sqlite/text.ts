/**
 * Properties and aliases as the texts that are stored: canonical JSON, so that equal values are equal
 * texts and unchanged rows are seen without parsing.
 */
import { byCodeUnits } from "../../../protocols/canonical.ts"
import { invariant } from "../../../protocols/errors.ts"
import type { Alias, Properties, PropertyValue } from "../../../protocols/graph.ts"
import { searchedCharactersMax } from "../../../protocols/limits.ts"
import { compareUtf8 } from "../../../protocols/visible.ts"

export const noProperties = "{}"
export const noAliases = "[]"

/** RFC 8785 for a flat object; a number that is not finite or a lone surrogate is a defect. */
export function textOfProperties(properties: Properties): string {
  const names = Object.keys(properties)
  if (!isSorted(names)) names.sort(byCodeUnits)
  let text = "{"
  for (const name of names) {
    const value = properties[name]
    if (value === undefined) continue
    if (text.length > 1) text += ","
    text += `${textOf(name)}:${textOf(value)}`
  }
  return `${text}}`
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

/** What text search finds an entity by: its string properties, `raw` not among them. */
export function searchedText(properties: Properties): string {
  let text = ""
  for (const name of Object.keys(properties)) {
    const value = properties[name]
    if (name === "raw" || value === undefined) continue
    if (typeof value === "string") text += `${value}\n`
    else if (Array.isArray(value) && typeof value[0] === "string") text += `${value.join("\n")}\n`
  }
  return text.length <= searchedCharactersMax ? text : text.slice(0, searchedCharactersMax)
}

/**
 * Whether the stored properties have `revoked === true`. In canonical JSON a quote within a string is
 * escaped, so these characters stand nowhere else.
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
