/** `intelgraph status`: asks the running node, or looks into its data where none runs. */
import * as Effect from "effect/Effect"
import type { ScheduleView } from "../../actors/index.ts"
import type { IntelGraphError } from "../../protocols/errors.ts"
import { openDataDirectoryReadOnly } from "../../runtime/index.ts"
import { loadSettings, type Settings } from "../configuration.ts"
import { socketOf } from "../node-socket.ts"
import { openViewOf } from "../open-ports.ts"
import { callSocket } from "../socket.ts"
import { type Status, statusOf } from "../status-of.ts"
import { namesTold, noSuchTenant } from "../tenants.ts"
import { figure, textTable } from "../text-table.ts"
import { exit, isOn, type RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const settings = yield* loadSettings(given, { env: io.env, folder: io.folder })
    const asked = { tenant: settings.tenant.value, graphHash: isOn(given, "graph-hash") }
    const { status, tenants } = yield* read(settings, asked)
    if (isOn(given, "json")) io.out(JSON.stringify(status))
    else io.out(statusText(status))
    const unknown = noSuchTenant(asked.tenant, tenants)
    const others = tenants.filter((tenant) => tenant !== asked.tenant)
    if (unknown !== undefined) io.tell(`intelgraph: ${unknown}`)
    else if (settings.tenant.from !== "flag" && others.length > 0) {
      io.tell(`intelgraph: Other tenants, to be named with --tenant: ${namesTold(others)}.`)
    }
    return status.broken.length === 0 ? exit.done : exit.failed
  })

interface Asked {
  readonly tenant: string
  readonly graphHash: boolean
}

interface Found {
  readonly status: Status
  readonly tenants: readonly string[]
}

/**
 * A node that was killed leaves the name of a socket that nobody answers: then its data answers.
 */
const read = (settings: Settings, asked: Asked): Effect.Effect<Found, IntelGraphError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const dataDir = settings.dataDir.value
      const directory = yield* openDataDirectoryReadOnly(dataDir)
      const { reads } = yield* openViewOf(settings, directory)
      const fromData = statusOf(reads, { ...asked, node: undefined })
      const socket = socketOf(dataDir)
      const status =
        socket === undefined
          ? yield* fromData
          : yield* callSocket(socket, { op: "status", ...asked }).pipe(
              Effect.map((value) => value as Status),
              Effect.catchTag("Unavailable", () => fromData),
            )
      return { status, tenants: yield* reads.tenants }
    }),
  )

export function statusText({
  tenant,
  running,
  counts,
  sources,
  schedules,
  broken,
  graphHash,
}: Status): string {
  const rows = sources.map(({ source, counters, entities, relationships, derived }) => [
    source,
    counters.read,
    counters.accepted,
    counters.duplicates,
    counters.stale,
    counters.replayed,
    counters.refused,
    counters.deadLettered,
    entities,
    relationships,
    derived,
  ])
  return [
    `tenant ${tenant}, ${running ? "node running" : "no node running"}`,
    "",
    textTable(header, rows),
    "",
    ...(schedules.length === 0 ? [] : [textTable(scheduleHeader, schedules.map(scheduleRow)), ""]),
    `${figure(counts.entities)} entities and ${figure(counts.stubs)} stubs, ` +
      `${figure(counts.relationships)} relationships beside ${figure(counts.derived)} derived, ` +
      `${figure(counts.assertions)} assertions, ${figure(counts.ambiguous)} ambiguous aliases, ` +
      `${figure(counts.deadLetters)} dead letters`,
    broken.length === 0 ? "equations hold" : `equations broken: ${broken.join("; ")}`,
    ...(graphHash === undefined ? [] : [`graph hash ${graphHash}`]),
  ].join("\n")
}

const header = [
  "source",
  "read",
  "accepted",
  "duplicates",
  "stale",
  "replayed",
  "refused",
  "dead-lettered",
  "entities",
  "relationships",
  "derived",
]

const scheduleHeader = ["read again", "schedule", "next", "last", "outcome"]

const scheduleRow = ({ source, schedule, nextMillis, isReading, last }: ScheduleView) => [
  source,
  schedule,
  isReading ? "now" : timeText(nextMillis),
  timeText(last?.endedMillis ?? null),
  last?.phase ?? "-",
]

const timeText = (millis: number | null): string =>
  millis === null ? "-" : new Date(millis).toISOString()
