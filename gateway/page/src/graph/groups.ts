/** The neighbours of an entity by relationship, direction and type: what a person asks first. */
import type { EntityRef, Neighborhood } from "../answers.ts"

export type Direction = "out" | "in"

export interface Group {
  /** Unique among all groups of a drawing. */
  readonly key: string
  /** The entity whose neighbours these are. */
  readonly of: string
  readonly type: string
  readonly direction: Direction
  /** The type that all members have. */
  readonly memberType: string
  /** There are more than the node answered with. */
  readonly isPart: boolean
  /** By name. */
  readonly members: readonly EntityRef[]
}

/** In order (direction, relationship, type of the members). */
export function groupsOf(id: string, near: Neighborhood): readonly Group[] {
  const entities = new Map(near.entities.map(({ entity }) => [entity.id, entity]))
  const found = new Map<string, Omit<Group, "members"> & { members: Map<string, EntityRef> }>()
  const add = (type: string, direction: Direction, other: string) => {
    const entity = entities.get(other)
    if (entity === undefined) return
    const memberType = entity.type
    const key = JSON.stringify([id, direction, type, memberType])
    const group = found.get(key) ?? {
      key,
      of: id,
      type,
      direction,
      memberType,
      isPart: near.truncated,
      members: new Map<string, EntityRef>(),
    }
    group.members.set(other, entity)
    found.set(key, group)
  }
  for (const { type, from, to } of near.relationships) {
    if (from.id === id && to.id !== id) add(type, "out", to.id)
    if (to.id === id && from.id !== id) add(type, "in", from.id)
  }
  return [...found.values()]
    .sort((a, b) => compare(a.key, b.key))
    .map((group) => ({
      ...group,
      members: [...group.members.values()].sort((a, b) =>
        compare(a.name ?? a.key, b.name ?? b.key),
      ),
    }))
}

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
