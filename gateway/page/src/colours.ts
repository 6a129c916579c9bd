/** Which of the page's colours a type of entity has: the same one as long as the page is open. */
import { Cell } from "./cell.ts"

export const colourSlots = 12

/** Types that stand together in threat intelligence, so that they never share a colour. */
const known: readonly string[] = [
  "intrusion-set",
  "attack-pattern",
  "malware",
  "vulnerability",
  "tool",
  "campaign",
  "course-of-action",
  "weakness",
  "x-mitre-detection-strategy",
  "x-mitre-analytic",
  "x-mitre-data-component",
  "x-mitre-tactic",
]

/** Colours of the types that the graph has; changes only when a new type appears. */
export const slots = new Cell<ReadonlyMap<string, number>>(new Map())

/** Gives each new type the colour that it prefers, or the next one that is free. */
export function learnTypes(types: readonly string[]): void {
  const unknown = types.filter((type) => !slots.value.has(type)).sort(byKnown)
  if (unknown.length === 0) return
  const next = new Map(slots.value)
  for (const type of unknown) next.set(type, freeSlot(preferredSlot(type), new Set(next.values())))
  slots.set(next)
}

const byKnown = (a: string, b: string): number => {
  const [first, second] = [known.indexOf(a), known.indexOf(b)]
  if (first !== -1 && second !== -1) return first - second
  if (first === -1 && second === -1) return a < b ? -1 : 1
  return first === -1 ? 1 : -1
}

function freeSlot(preferred: number, taken: ReadonlySet<number>): number {
  for (let step = 0; step < colourSlots; step++) {
    const slot = (preferred + step * 5) % colourSlots
    if (!taken.has(slot)) return slot
  }
  return preferred
}

function preferredSlot(type: string): number {
  const place = known.indexOf(type)
  if (place !== -1) return place
  let hash = 0
  for (const unit of type) hash = (hash * 31 + (unit.codePointAt(0) ?? 0)) >>> 0
  return hash % colourSlots
}

export const slotOf = (type: string): number => slots.value.get(type) ?? preferredSlot(type)
