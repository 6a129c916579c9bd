/** Puts what was found into the order in which a person looks for it. */
import type { Found } from "./answers.ts"

/** The node answers in order (type, key); here the nearest name or alias comes first. */
export function ranked(items: readonly Found[], text: string): readonly Found[] {
  const wanted = text.trim().toLowerCase()
  if (wanted === "") return items
  return items
    .map((item, place) => ({ item, place, distance: distanceOf(item, wanted) }))
    .sort((a, b) => a.distance - b.distance || a.place - b.place)
    .map(({ item }) => item)
}

function distanceOf(item: Found, wanted: string): number {
  const name = (item.name ?? "").toLowerCase()
  const key = item.key.toLowerCase()
  const aliases = item.aliases.map(({ value }) => value.toLowerCase())
  if (name === wanted || key === wanted || aliases.includes(wanted)) return 0
  if (name.startsWith(wanted) || key.startsWith(wanted)) return 1
  if (aliases.some((alias) => alias.startsWith(wanted))) return 2
  if (name.includes(` ${wanted}`)) return 3
  return name.includes(wanted) ? 4 : 5
}
