/** What a node reads by its configuration: each source at its start, and some of them again. */
import * as Effect from "effect/Effect"
import type { IngestRequest, IntelNode } from "../actors/index.ts"
import type { SourceConfiguration } from "../protocols/configuration.ts"
import type { IntelGraphError } from "../protocols/errors.ts"
import type { Schedule } from "../protocols/schedule.ts"
import type { Settings, TenantSettings } from "./configuration.ts"
import { ingestRequest, mappingText } from "./request.ts"
import { scheduleOf } from "./schedules.ts"
import { attemptInvalid } from "./verb.ts"

export interface ConfiguredSource {
  readonly request: IngestRequest
  readonly schedule: Schedule | undefined
}

/** Of a tenant, in their order. */
export const configuredSources = (
  settings: Settings,
  { tenant, sources }: TenantSettings,
): Effect.Effect<readonly ConfiguredSource[], IntelGraphError> =>
  Effect.forEach(sources, (source) =>
    Effect.gen(function* () {
      const schedule = yield* attemptInvalid(() => scheduleOf(source, Date.now()))
      return { request: yield* requestOf(settings, tenant, source), schedule }
    }),
  )

/** Begins the schedule of a source whose reading at the start has ended. */
export const beginSchedule =
  (node: IntelNode, configured: readonly ConfiguredSource[]) =>
  (request: IngestRequest): Effect.Effect<void, IntelGraphError> => {
    const schedule = configured.find((source) => source.request === request)?.schedule
    if (schedule === undefined || node.schedules === undefined) return Effect.void
    return node.schedules.begin([{ request, schedule }])
  }

const requestOf = (
  settings: Settings,
  tenant: string,
  { name, format, file, mapping }: SourceConfiguration,
): Effect.Effect<IngestRequest, IntelGraphError> =>
  Effect.gen(function* () {
    const text = mapping === undefined ? undefined : yield* mappingText(mapping)
    return yield* ingestRequest({
      tenant,
      source: name,
      format,
      file,
      mapping: mapping === undefined || text === undefined ? undefined : { file: mapping, text },
      again: "once",
      maxBadShare: settings.maxBadShare.value,
      ratePerSecondMax: settings.recordsPerSecondMax.value,
    })
  })
