/** `intelgraph start`: reads the configured sources, answers their question, and serves. */
import * as Effect from "effect/Effect"
import { type Gateway, startGateway } from "../../gateway/index.ts"
import { tenantsReadMax } from "../../protocols/limits.ts"
import { type AssembledNode, assemble } from "../assemble.ts"
import { loadSettings, type Settings } from "../configuration.ts"
import { beginSchedule, configuredSources } from "../configured-sources.ts"
import { drained } from "../drained.ts"
import { sentenceOf } from "../failure.ts"
import type { Io } from "../io.ts"
import { openNodeSocket } from "../node-socket.ts"
import { whileShown } from "../progress.ts"
import { exitOf, type Outcome, runSources, untilInterrupted } from "../run-sources.ts"
import { isScheduled } from "../schedules.ts"
import { shippedConfiguration } from "../shipped.ts"
import { answerText, summaryTable } from "../summary.ts"
import { exit, type Given, isOn, type RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const place = { env: io.env, folder: io.folder, fallback: shippedConfiguration }
    const settings = yield* loadSettings(given, place)
    const assembled = yield* assemble(settings)
    yield* openNodeSocket(assembled)
    return yield* Effect.raceFirst(work(settings, assembled, given, io), drained(assembled, io))
  })

const work = (settings: Settings, assembled: AssembledNode, given: Given, io: Io) =>
  Effect.gen(function* () {
    const { node } = assembled
    const once = isOn(given, "once")
    const json = isOn(given, "json")
    // Before anything is read: a port that is taken is told at once, and health shows meanwhile.
    const edge = once ? undefined : yield* openEdge(settings, assembled)
    if (edge !== undefined) io.tell(`Look at it: ${edge.pageUrl}`)
    tellSchedules(settings, once, io)
    const reading = readAll(settings, assembled, { once, io })
    const outcomes = yield* untilInterrupted(node, io, reading)
    for (const outcome of outcomes) show(outcome, json, io)
    const failed = outcomes.find(({ error, interrupted }) => error !== undefined || interrupted)
    if (edge === undefined || failed?.interrupted === true) {
      return failed === undefined ? exit.done : exitOf(failed)
    }
    yield* serve(edge, assembled, io)
    return exit.done
  })

const tellSchedules = ({ tenants }: Settings, once: boolean, io: Io): void => {
  const count = tenants.flatMap(({ sources }) => sources).filter(isScheduled).length
  if (count === 0) return
  if (once) io.tell(`intelgraph: --once ignores the schedules of sources (${count}).`)
  else io.tell(`Schedules: ${count}; \`intelgraph status\` says when sources are read again.`)
}

/**
 * The sources of all tenants together: one whose owner reads it rarely is waited for, and holds up
 * its own tenant alone. Each is read again from then on, or never.
 */
const readAll = (
  settings: Settings,
  { node, ports }: AssembledNode,
  { once, io }: { readonly once: boolean; readonly io: Io },
) =>
  whileShown(
    () => node.progress(),
    io,
    Effect.forEach(
      settings.tenants,
      (tenant) =>
        Effect.gen(function* () {
          const configured = yield* configuredSources(settings, tenant)
          return yield* runSources({
            node,
            reads: ports.reads,
            tenant: tenant.tenant,
            requests: configured.map(({ request }) => request),
            ...(once ? {} : { afterEach: beginSchedule(node, configured) }),
            order: "together",
            question: tenant.question,
          })
        }),
      { concurrency: tenantsReadMax },
    ),
  )

function show({ summary, error }: Outcome, json: boolean, io: Io): void {
  if (json) io.out(JSON.stringify(summary))
  else {
    io.out(`\n${summaryTable(summary)}`)
    if (summary.answer !== null) io.out(`\n${answerText(summary.answer)}\n`)
  }
  if (error !== undefined) io.tell(sentenceOf(error))
}

const openEdge = (settings: Settings, assembled: AssembledNode) => {
  const { node, ports, feed, resumeKey, control, metrics, logger } = assembled
  return startGateway({
    reads: ports.reads,
    node,
    live: { feed, resumeKey },
    metrics,
    port: settings.port.value,
    host: settings.host.value,
    development: settings.development.value,
    tenant: settings.tenant.value,
    control,
    hosts: settings.hosts.value,
    origins: settings.origins.value,
    tls: tlsOf(settings),
    persistedQueries: persistedOf(settings),
    onMasked: (errorId, error) => logger.error("request failed", { errorId, error }),
    onCertificate: (error) => logger.error("the certificate was not renewed", { error }),
  })
}

const persistedOf = ({ persistedManifest: { value: manifest }, persistedOnly }: Settings) =>
  manifest === undefined ? undefined : { manifest, only: persistedOnly.value }

const tlsOf = ({ tlsCert, tlsKey, tlsEndsBefore }: Settings) =>
  tlsCert.value !== undefined && tlsKey.value !== undefined
    ? { cert: tlsCert.value, key: tlsKey.value }
    : tlsEndsBefore.value
      ? ("before" as const)
      : undefined

/** Until Ctrl-C, or until the node cannot go on. */
const serve = (edge: Gateway, { node }: AssembledNode, io: Io) =>
  Effect.gen(function* () {
    io.tell(`GraphQL: ${edge.url}`)
    if (edge.queryPageUrl !== undefined) io.tell(`Ask by hand: ${edge.queryPageUrl}`)
    io.tell("Ctrl-C ends the node.")
    const broken = Effect.flatMap(node.failed, (error) => Effect.fail(error))
    yield* Effect.raceFirst(io.interrupted, broken)
    io.tell("intelgraph: Ending; Ctrl-C again ends at once.")
  })
