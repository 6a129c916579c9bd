/** The schedules of a node's sources: begun where their sources are, and shown from anywhere. */
import * as Effect from "effect/Effect"
import { type Address, fnv1a32, formatAddress } from "../../protocols/address.ts"
import type { IntelGraphError } from "../../protocols/errors.ts"
import { shardCount } from "../../protocols/limits.ts"
import { type ActorRef, readDurable } from "../../runtime/index.ts"
import type { IngestReport, IngestRequest } from "../api.ts"
import { connectorType } from "../connector.ts"
import type { RootMessage } from "../root.ts"
import { singleton } from "../singletons.ts"
import type { World } from "../world.ts"
import { nextMillis, type PastReading, planKind } from "./plan.ts"
import { type ScheduledReading, type ScheduledSource, scheduleType } from "./schedule.ts"

/** A source's schedule as it stands in the cluster. */
export interface ScheduleView {
  readonly source: string
  readonly schedule: string
  /** Milliseconds since 1970; `null` where none comes, or its owner has not begun it yet. */
  readonly nextMillis: number | null
  /** A reading is under way, or begins when its source has an owner. */
  readonly isReading: boolean
  readonly last: PastReading | null
}

export interface SchedulesShape {
  /** Reads these again when they are due, whichever node has them then, while this node runs. */
  readonly begin: (sources: readonly ScheduledSource[]) => Effect.Effect<void, IntelGraphError>
  /** Those that this node was told to begin, of a tenant. */
  readonly of: (tenant: string) => Effect.Effect<readonly ScheduleView[], IntelGraphError>
}

interface SchedulesParts {
  readonly world: World
  readonly root: ActorRef<RootMessage>
  readonly ingest: (request: IngestRequest) => Effect.Effect<IngestReport>
  readonly onRead: (reading: ScheduledReading) => void
}

export function openSchedules({ world, root, ingest, onRead }: SchedulesParts): SchedulesShape {
  const begun = new Map<string, ScheduledSource>()
  const begin = (source: ScheduledSource) => {
    const { tenant, source: key } = source.request
    const of = { tenant, key, beside: connectorOf(tenant, key) }
    const scheduler = singleton(scheduleType, of, (owner) => ({
      world,
      owner,
      source,
      ingest,
      onRead,
    }))
    begun.set(scheduler.name, source)
    return root.offer({ kind: "singleton", singleton: scheduler })
  }
  const view = ({ request, schedule }: ScheduledSource) => {
    const { tenant, source } = request
    const shard = fnv1a32(formatAddress(connectorOf(tenant, source))) % shardCount
    const address = { tenant, kind: planKind.kind, key: source }
    const kept = readDurable(world.ports.state, shard, address, planKind)
    return Effect.map(kept, ({ state }): ScheduleView => {
      const isCurrent = state.schedule === schedule.text
      return {
        source,
        schedule: schedule.text,
        nextMillis: (isCurrent ? nextMillis(state) : undefined) ?? null,
        isReading: state.owedMillis !== null,
        last: state.last,
      }
    })
  }
  return {
    begin: (sources) => Effect.forEach(sources, begin, { discard: true }),
    of: (tenant) =>
      Effect.forEach(
        [...begun.values()].filter(({ request }) => request.tenant === tenant),
        view,
      ),
  }
}

/** The schedule of a source is where its connector is. */
const connectorOf = (tenant: string, source: string): Address => ({
  tenant,
  kind: connectorType.kind,
  key: source,
})
