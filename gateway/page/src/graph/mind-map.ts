/**
 * Where everything of a drawing stands: the entity in the middle, what points to it on the left,
 * what it points to on the right, by relationship; what is expanded goes on outwards.
 *
 * A pure function of what is shown: the same neighbours stand in the same places each time, and a
 * group that opens moves others up or down only. An entity stands once, nearest to the middle; a
 * group that has it further out leads there by a dashed line.
 */
import type { EntityRef } from "../answers.ts"
import type { Direction, Group } from "./groups.ts"

export interface Drawing {
  readonly focus: EntityRef
  /** Groups of the focus and of each expanded entity, by entity. */
  readonly groups: ReadonlyMap<string, readonly Group[]>
  /** How many members of a group are drawn, by group; 0 where it is closed. */
  readonly shown: ReadonlyMap<string, number>
  /** At most so many entities. */
  readonly entitiesMax: number
}

export type Side = "middle" | "left" | "right"

interface Placed {
  readonly id: string
  readonly x: number
  readonly y: number
  readonly side: Side
}

export type PlacedNode =
  | (Placed & { readonly kind: "entity"; readonly entity: EntityRef; readonly depth: number })
  | (Placed & { readonly kind: "group"; readonly group: Group; readonly isOpen: boolean })
  | (Placed & { readonly kind: "more"; readonly group: Group; readonly hidden: number })

export interface PlacedEdge {
  readonly id: string
  /** From the inner node to the outer one. */
  readonly inner: string
  readonly outer: string
  /** Which end has the arrow head. */
  readonly arrow: "inner" | "outer" | "none"
  /** Leads from an entity to one of its groups. */
  readonly isStem: boolean
  readonly isBack: boolean
}

export interface MindMap {
  readonly nodes: readonly PlacedNode[]
  readonly edges: readonly PlacedEdge[]
  /** Entities that found no room. */
  readonly leftOut: number
}

interface Branch {
  readonly node: PlacedNode
  readonly children: readonly Branch[]
}

const rowHeight = 25
const groupGap = 18
const groupOffset = 168
const memberOffset = 112
const nestedOffset = 268

export function mindMapOf(drawing: Drawing): MindMap {
  const edges: PlacedEdge[] = []
  const planner = new Planner(drawing, edges)
  const { left, right } = planner.sides()
  const nodes: PlacedNode[] = [
    {
      kind: "entity",
      id: drawing.focus.id,
      entity: drawing.focus,
      depth: 0,
      x: 0,
      y: 0,
      side: "middle",
    },
  ]
  for (const branches of [left, right]) place(branches, nodes)
  return { nodes, edges, leftOut: planner.leftOut }
}

/** Decides what is drawn, nearest first, before anything has its height. */
class Planner {
  readonly #drawing: Drawing
  readonly #edges: PlacedEdge[]
  readonly #drawn: Set<string>
  leftOut = 0

  constructor(drawing: Drawing, edges: PlacedEdge[]) {
    this.#drawing = drawing
    this.#edges = edges
    this.#drawn = new Set([drawing.focus.id])
  }

  sides(): { readonly left: readonly Branch[]; readonly right: readonly Branch[] } {
    const { focus, groups } = this.#drawing
    const own = groups.get(focus.id) ?? []
    const claimed = own.map((group) => ({ group, members: this.#claim(group) }))
    const on = (direction: Direction, side: "left" | "right") =>
      claimed
        .filter(({ group }) => group.direction === direction)
        .map(({ group, members }) => this.#branch(group, members, side, groupOffset, 1))
    return { left: on("in", "left"), right: on("out", "right") }
  }

  /** Members that are drawn here and not elsewhere; taken before any of them is expanded. */
  #claim(group: Group): readonly EntityRef[] {
    const wanted = group.members.slice(0, this.#drawing.shown.get(group.key) ?? 0)
    return wanted.filter(({ id }) => {
      if (this.#drawn.has(id)) {
        this.#edges.push(edgeOf(group, id, true))
        return false
      }
      if (this.#drawn.size >= this.#drawing.entitiesMax) {
        this.leftOut += 1
        return false
      }
      this.#drawn.add(id)
      this.#edges.push(edgeOf(group, id, false))
      return true
    })
  }

  #branch(
    group: Group,
    members: readonly EntityRef[],
    side: "left" | "right",
    distance: number,
    depth: number,
  ): Branch {
    const sign = side === "left" ? -1 : 1
    const shown = this.#drawing.shown.get(group.key) ?? 0
    const hidden = group.members.length - shown
    this.#edges.push(stemOf(group))
    const at = { x: sign * (distance + memberOffset), y: 0, side }
    const children = members.map((entity) => ({
      node: { kind: "entity" as const, id: entity.id, entity, depth, ...at },
      children: this.#expanded(entity, side, distance + memberOffset + nestedOffset, depth + 1),
    }))
    const more: readonly Branch[] =
      shown > 0 && hidden > 0
        ? [{ node: { kind: "more", id: `${group.key} more`, group, hidden, ...at }, children: [] }]
        : []
    if (more.length > 0)
      this.#edges.push({ ...edgeOf(group, `${group.key} more`, false), arrow: "none" })
    return {
      node: {
        kind: "group",
        id: group.key,
        group,
        isOpen: shown > 0,
        x: sign * distance,
        y: 0,
        side,
      },
      children: [...children, ...more],
    }
  }

  #expanded(
    entity: EntityRef,
    side: "left" | "right",
    distance: number,
    depth: number,
  ): readonly Branch[] {
    const groups = this.#drawing.groups.get(entity.id) ?? []
    return groups
      .map((group) => ({ group, members: this.#claim(group) }))
      .map(({ group, members }) => this.#branch(group, members, side, distance, depth))
  }
}

const edgeOf = (group: Group, member: string, isBack: boolean): PlacedEdge => ({
  id: `${group.key} ${member}`,
  inner: group.key,
  outer: member,
  arrow: group.direction === "out" ? "outer" : "none",
  isStem: false,
  isBack,
})

const stemOf = (group: Group): PlacedEdge => ({
  id: `${group.key} stem`,
  inner: group.of,
  outer: group.key,
  arrow: group.direction === "in" ? "inner" : "none",
  isStem: true,
  isBack: false,
})

/** Leaves stand in rows, parents in the middle of their children; all around the height 0. */
function place(branches: readonly Branch[], nodes: PlacedNode[]): void {
  const heights: { readonly node: PlacedNode; readonly y: number }[] = []
  let next = 0
  const visit = ({ node, children }: Branch): number => {
    let y = next
    if (children.length === 0) next += rowHeight
    else {
      const own = children.map(visit)
      y = ((own[0] ?? 0) + (own.at(-1) ?? 0)) / 2
    }
    if (node.kind === "group") next += groupGap
    heights.push({ node, y })
    return y
  }
  const roots = branches.map(visit)
  const middle = ((roots[0] ?? 0) + (roots.at(-1) ?? 0)) / 2
  const whole = Math.max(0, next - groupGap - rowHeight) / 2
  const offset = roots.length === 1 ? middle : whole
  for (const { node, y } of heights) nodes.push({ ...node, y: y - offset })
}
