/** The neighbours of an entity by relationship and direction: what a person asks first. */
import type { EntityRef, Neighborhood } from "../answers.ts"

export type Direction = "out" | "in"

export interface Group {
  /** Unique among all groups of a drawing. */
  readonly key: string
  /** The entity whose neighbours these are. */
  readonly of: string
  readonly type: string
  readonly direction: Direction
  /** In order (type, name). */
  readonly members: readonly EntityRef[]
}

/** Groups with incoming relationships first, then by name. */
export function groupsOf(id: string, near: Neighborhood): readonly Group[] {
  const entities = new Map(near.entities.map(({ entity }) => [entity.id, entity]))
  const members = new Map<string, Map<string, EntityRef>>()
  const add = (type: string, direction: Direction, other: string) => {
    const key = `${direction} ${type}`
    const entity = entities.get(other)
    if (entity === undefined) return
    const group = members.get(key) ?? new Map<string, EntityRef>()
    members.set(key, group.set(other, entity))
  }
  for (const { type, from, to } of near.relationships) {
    if (from.id === id && to.id !== id) add(type, "out", to.id)
    if (to.id === id && from.id !== id) add(type, "in", from.id)
  }
  return [...members].sort(byText).map(([key, group]) => {
    const [direction = "", type = ""] = key.split(/ (.*)/)
    return {
      key: `${id} ${key}`,
      of: id,
      type,
      direction: direction === "in" ? "in" : "out",
      members: [...group.values()].sort(
        (a, b) => compare(a.type, b.type) || compare(a.name ?? a.key, b.name ?? b.key),
      ),
    }
  })
}

const byText = (a: readonly [string, unknown], b: readonly [string, unknown]) => compare(a[0], b[0])
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** How many neighbours each relationship type leads to, the most first. */
export function countsByType(groups: readonly Group[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>()
  for (const { type, members } of groups) {
    counts.set(type, (counts.get(type) ?? 0) + members.length)
  }
  return [...counts].sort((a, b) => b[1] - a[1] || compare(a[0], b[0]))
}

/**
 * How many members of each group are drawn at first: `rows` are shared so that small groups are
 * whole and large ones get the rest in equal parts, none less than three.
 */
export function firstShown(groups: readonly Group[], rows: number): ReadonlyMap<string, number> {
  const shown = new Map<string, number>()
  let left = rows
  const bySize = [...groups].sort((a, b) => a.members.length - b.members.length)
  for (const [place, { key, members }] of bySize.entries()) {
    const share = Math.max(3, Math.floor(left / (bySize.length - place)))
    const count = Math.min(members.length, share)
    shown.set(key, count)
    left -= count
  }
  return shown
}
