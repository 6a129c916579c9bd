import { Effect } from "effect"
import type { GraphReadsShape } from "../../stores/index.ts"

const page = { items: [], end: undefined, hasMore: false }
export const stubReads = {
  entity: () => Effect.succeed(undefined),
  assertions: () => Effect.succeed([]),
  entities: () => Effect.succeed(page),
  relationships: () => Effect.succeed(page),
  neighbors: () => Effect.succeed({ entities: [], relationships: [], truncated: false }),
  path: () => Effect.succeed(undefined),
  rank: () => Effect.succeed([]),
  counts: () =>
    Effect.succeed({
      entities: 0,
      stubs: 0,
      relationships: 0,
      derived: 0,
      assertions: 0,
      ambiguous: 0,
      deadLetters: 0,
      byType: [],
      byRelationship: [],
    }),
  sources: () => Effect.succeed([]),
  deadLetters: () => Effect.succeed(page),
  tenants: Effect.succeed([]),
  graphHash: () => Effect.succeed(""),
} as unknown as GraphReadsShape
