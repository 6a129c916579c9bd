/**
 * What reads that go through a graph ask of an adapter whose answers come over a wire: many nodes
 * at once, by number, of one tenant and one moment.
 */
import type { EntityName, VisibleEntity, VisibleRelationship } from "../port.ts"

/** One relationship as it is seen from one of its ends. */
export interface Step {
  readonly node: number
  readonly edge: number
  readonly type: number
  readonly other: number
  readonly incoming: boolean
}

export interface Around {
  readonly steps: readonly Step[]
  /** More relationships than were looked at, of one entity or together. */
  readonly truncated: boolean
}

export interface Looking {
  /** Number of the entity; of one that is not there, undefined. */
  readonly nodeAt: (name: EntityName) => Promise<number | undefined>
  readonly entities: (nodes: readonly number[]) => Promise<ReadonlyMap<number, VisibleEntity>>
  /** At the nodes, in both directions, at most `scanMax` together. */
  readonly steps: (nodes: readonly number[], scanMax: number) => Promise<Around>
  /** The nodes by type, then key; the first of them where `count` is given. */
  readonly inOrder: (nodes: Iterable<number>, count?: number) => Promise<readonly number[]>
  /** In the order of their list, of steps that this one has answered. */
  readonly relationships: (edges: readonly number[]) => Promise<readonly VisibleRelationship[]>
  readonly typesNamed: (names: readonly string[]) => Promise<ReadonlySet<number>>
}
