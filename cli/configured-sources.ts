/** What a node reads by its configuration: each source at its start, and some of them again. */
import * as Effect from "effect/Effect"
import type { IngestRequest, ScheduledSource } from "../actors/index.ts"
import type { SourceConfiguration } from "../protocols/configuration.ts"
import type { IntelGraphError } from "../protocols/errors.ts"
import type { Settings, TenantSettings } from "./configuration.ts"
import { ingestRequest, mappingText } from "./request.ts"
import { scheduleOf } from "./schedules.ts"
import { attemptInvalid } from "./verb.ts"

export const requestsOf = (
  settings: Settings,
  { tenant, sources }: TenantSettings,
): Effect.Effect<readonly IngestRequest[], IntelGraphError> =>
  Effect.forEach(sources, (source) => requestOf(settings, tenant, source))

/** Those that have a schedule, which begins now. */
export const scheduledOf = (
  settings: Settings,
): Effect.Effect<readonly ScheduledSource[], IntelGraphError> =>
  Effect.gen(function* () {
    const all = settings.tenants.flatMap(({ tenant, sources }) =>
      sources.map((source) => ({ tenant, source })),
    )
    const scheduled: ScheduledSource[] = []
    for (const { tenant, source } of all) {
      const schedule = yield* attemptInvalid(() => scheduleOf(source, Date.now()))
      if (schedule === undefined) continue
      scheduled.push({ request: yield* requestOf(settings, tenant, source), schedule })
    }
    return scheduled
  })

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
