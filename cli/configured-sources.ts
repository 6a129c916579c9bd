/** What a node reads by its configuration: each source at its start, and some of them again. */
import * as Effect from "effect/Effect"
import type { IngestRequest, IntelNode } from "../actors/index.ts"
import type { SourceConfiguration } from "../protocols/configuration.ts"
import { type IntelGraphError, Invalid } from "../protocols/errors.ts"
import type { Schedule } from "../protocols/schedule.ts"
import type { Settings, TenantSettings } from "./configuration.ts"
import { ingestRequest, mappingText } from "./request.ts"
import { scheduleOf } from "./schedules.ts"
import { attemptInvalid } from "./verb.ts"

export interface ConfiguredSource {
  readonly request: IngestRequest
  readonly schedule: Schedule | undefined
}

export interface ConfiguredTenant {
  readonly tenant: TenantSettings
  readonly sources: readonly ConfiguredSource[]
}

export interface ConfiguredTenants {
  readonly tenants: readonly ConfiguredTenant[]
  /** What is wrong with the others, whose sources are not read. */
  readonly errors: readonly Invalid[]
}

/**
 * What is to be read of each tenant, found out before anything is opened. Fails where there is
 * nothing to read since the configuration of every tenant is wrong.
 */
export const configuredTenants = (settings: Settings): Effect.Effect<ConfiguredTenants, Invalid> =>
  Effect.gen(function* () {
    const [tenants, errors] = yield* Effect.partition(settings.tenants, (tenant) =>
      configuredSources(settings, tenant).pipe(
        Effect.map((sources) => ({ tenant, sources })),
        Effect.mapError((error) => ofTenant(settings, tenant, error)),
      ),
    )
    const [first] = errors
    if (first === undefined || tenants.length > 0) return { tenants, errors }
    const message = errors.map((error) => error.message).join("\n")
    return yield* Effect.fail(new Invalid({ ...first, message }))
  })

const ofTenant = ({ tenants }: Settings, { tenant }: TenantSettings, error: Invalid): Invalid => {
  if (tenants.length === 1) return error
  const message = `The sources of ${tenant} cannot be read: ${error.message}`
  return new Invalid({ ...error, message })
}

/** Of a tenant, in their order. */
const configuredSources = (
  settings: Settings,
  { tenant, sources }: TenantSettings,
): Effect.Effect<readonly ConfiguredSource[], Invalid> =>
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
): Effect.Effect<IngestRequest, Invalid> =>
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
