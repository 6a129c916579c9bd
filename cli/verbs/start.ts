/** `intelgraph start`: reads the configured sources, answers their question, and serves. */
import * as Effect from "effect/Effect"
import { type Gateway, startGateway } from "../../gateway/index.ts"
import { catalogue } from "../../protocols/errors.ts"
import { serversWaitMillisMax, tenantsReadMax } from "../../protocols/limits.ts"
import { type AssembledNode, assemble } from "../assemble.ts"
import { loadSettings, type Settings } from "../configuration.ts"
import { beginSchedule, type ConfiguredTenants, configuredTenants } from "../configured-sources.ts"
import { drained } from "../drained.ts"
import { sentenceOf } from "../failure.ts"
import type { Io } from "../io.ts"
import { openNodeSocket } from "../node-socket.ts"
import { whileShown } from "../progress.ts"
import { exitOf, type Outcome, runSources, untilInterrupted } from "../run-sources.ts"
import { shippedConfiguration } from "../shipped.ts"
import { answerText, summaryTable } from "../summary.ts"
import { exit, type Given, isOn, type RunVerb } from "../verb.ts"
import { type Patience, sharedPatience } from "../when-answered.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const place = { env: io.env, folder: io.folder, fallback: shippedConfiguration }
    const settings = yield* loadSettings(given, place)
    const configured = yield* configuredTenants(settings)
    // The others are read: whoever runs the node hears of these at once.
    for (const error of configured.errors) io.tell(sentenceOf(error))
    // Whoever waits for an end is told at once that a server is away; a service comes up with it.
    const patience = isOn(given, "once") ? undefined : { millisMax: serversWaitMillisMax, io }
    const assembled = yield* assemble(settings, { patience, io })
    yield* openNodeSocket(assembled)
    const working = work({ settings, configured, assembled, patience }, given, io)
    return yield* Effect.raceFirst(working, drained(assembled, io))
  })

interface Started {
  readonly settings: Settings
  readonly configured: ConfiguredTenants
  readonly assembled: AssembledNode
  readonly patience: Patience | undefined
}

const work = ({ settings, configured, assembled, patience }: Started, given: Given, io: Io) =>
  Effect.gen(function* () {
    const { node } = assembled
    const once = isOn(given, "once")
    const json = isOn(given, "json")
    // Before anything is read: a port that is taken is told at once, and health shows meanwhile.
    const edge = once ? undefined : yield* openEdge(settings, assembled)
    if (edge !== undefined) io.tell(`Look at it: ${edge.pageUrl}`)
    tellSchedules(configured, once, io)
    const reading = readAll(configured, assembled, { once, patience, io })
    const [outcomes, errors] = yield* untilInterrupted(node, io, reading)
    for (const outcome of outcomes) show(outcome, json, io)
    const [first] = errors
    if (first !== undefined && outcomes.length === 0) return yield* Effect.fail(first)
    for (const error of errors) io.tell(sentenceOf(error))
    const failed = outcomes.find(({ error, interrupted }) => error !== undefined || interrupted)
    if (edge === undefined || failed?.interrupted === true) {
      if (failed !== undefined) return exitOf(failed)
      const [error] = [...errors, ...configured.errors]
      return error === undefined ? exit.done : catalogue[error._tag].exitCode
    }
    yield* serve(edge, assembled, io)
    return exit.done
  })

const tellSchedules = ({ tenants }: ConfiguredTenants, once: boolean, io: Io): void => {
  const sources = tenants.flatMap((tenant) => tenant.sources)
  const count = sources.filter(({ schedule }) => schedule !== undefined).length
  if (count === 0) return
  if (once) io.tell(`intelgraph: --once ignores the schedules of sources (${count}).`)
  else io.tell(`Schedules: ${count}; \`intelgraph status\` says when sources are read again.`)
}

/**
 * The sources of all tenants together: one whose owner reads it rarely is waited for, and holds up
 * its own tenant alone, and so does an error. Each is read again from then on, or never.
 */
const readAll = (
  { tenants }: ConfiguredTenants,
  { node, ports }: AssembledNode,
  { once, patience, io }: Pick<Started, "patience"> & { readonly once: boolean; readonly io: Io },
) => {
  const shared = patience && sharedPatience(patience)
  return whileShown(
    () => node.progress(),
    io,
    Effect.partition(
      tenants,
      ({ tenant, sources }) =>
        runSources({
          node,
          reads: ports.reads,
          tenant: tenant.tenant,
          requests: sources.map(({ request }) => request),
          ...(once ? {} : { afterEach: beginSchedule(node, sources) }),
          order: "together",
          question: tenant.question,
          patience: shared,
        }),
      { concurrency: tenantsReadMax },
    ),
  )
}

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
