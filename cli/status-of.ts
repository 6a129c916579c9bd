/** What `status` says, by a node that runs or from its data alone. */
import * as Effect from "effect/Effect"
import type { IntelNode, ScheduleView } from "../actors/index.ts"
import { brokenSourceEquation } from "../protocols/counters.ts"
import type { IntelGraphError } from "../protocols/errors.ts"
import type { GraphCounts, GraphReadsShape, SourceSummary } from "../stores/index.ts"

export interface Status {
  readonly tenant: string
  readonly running: boolean
  readonly counts: GraphCounts
  readonly sources: readonly SourceSummary[]
  /** Sources that the running node reads again, wherever they are read. */
  readonly schedules: readonly ScheduleView[]
  /** Equations that do not hold, as sentences; empty where all hold. */
  readonly broken: readonly string[]
  readonly graphHash: string | undefined
}

export const statusOf = (
  reads: GraphReadsShape,
  asked: {
    readonly tenant: string
    readonly graphHash: boolean
    readonly node: IntelNode | undefined
  },
): Effect.Effect<Status, IntelGraphError> =>
  Effect.gen(function* () {
    const { tenant, node } = asked
    const sources = yield* reads.sources(tenant)
    const ofSources = sources.flatMap(({ source, counters }) => {
      const broken = brokenSourceEquation(counters)
      return broken === undefined ? [] : [`${source}: ${broken}`]
    })
    return {
      tenant,
      running: node !== undefined,
      counts: yield* reads.counts(tenant),
      sources,
      schedules: node?.schedules === undefined ? [] : yield* node.schedules.of(tenant),
      broken: [...ofSources, ...(node?.brokenEquations() ?? [])],
      graphHash: asked.graphHash ? yield* reads.graphHash(tenant) : undefined,
    }
  })
