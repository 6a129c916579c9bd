/**
 * `observer.ts`: watches a run from the side and tells of it by lines of JSON: leases as the
 * register stored them, blocks that are not acknowledged, how much is in the graph, and writes that
 * a fence should have kept out. Asks servers and graph directly, never a node, and writes nothing.
 * Its one argument is an `Observed` as JSON; it ends by SIGTERM.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { type ConsumerMessages, DeliverPolicy, type JsMsg, jetstream } from "@nats-io/jetstream"
import neo4j, { type Driver } from "neo4j-driver"
import { decodeEntry } from "../../runtime/core/placement-register.ts"
import { type CursorSeen, FenceWatch, type GraphSeen } from "./fence-watch.ts"
import { connectTo, type Mailbox, mailboxes } from "./mailboxes.ts"
import { unfencedHeader } from "./unfenced.ts"

export interface Observed {
  readonly servers: string
  readonly neo4j: { readonly url: string; readonly user: string; readonly password: string }
  /** Name of the log. */
  readonly log: string
}

export type Seen =
  | {
      readonly kind: "lease"
      /** When the register stored it, by its own clock: that of this machine. */
      readonly atMillis: number
      readonly shard: number
      readonly node: string
      readonly incarnation: string
      readonly epoch: number
    }
  | { readonly kind: "vacant"; readonly atMillis: number; readonly shard: number }
  | { readonly kind: "held"; readonly atMillis: number; readonly mailboxes: readonly Mailbox[] }
  | { readonly kind: "graph"; readonly atMillis: number; readonly accepted: number }
  | { readonly kind: "wrong"; readonly atMillis: number; readonly what: string }
  | { readonly kind: "looked"; readonly cursors: number; readonly state: number }

const lookMillis = 200
const againMillis = 500
/** Silence is noticed after two heartbeats. */
const pulling = { expires: 2_000, idle_heartbeat: 500 }
const nanosPerMilli = 1_000_000

const observed = JSON.parse(process.argv[2] ?? "{}") as Observed
const watch = new FenceWatch()
const connection = await connectTo(observed.servers, "observer")
const { url, user, password } = observed.neo4j
const driver = neo4j.driver(url, neo4j.auth.basic(user, password), {
  disableLosslessIntegers: true,
  telemetryDisabled: true,
})
let isEnding = false
// Whoever started it may be gone before it.
process.stdout.on("error", () => process.exit(1))
process.once("SIGTERM", () => {
  isEnding = true
  tell({ kind: "looked", ...watch.looked })
  setTimeout(() => process.exit(0), againMillis)
})
const upper = observed.log.toUpperCase()
await Promise.all([
  follow(`${upper}_LS`, `${observed.log}.ls.shard.*`, false, lease),
  follow(`${upper}_ST`, `${observed.log}.>`, true, state),
  again(async () => {
    const held = await mailboxes(connection, observed.log)
    tell({ kind: "held", atMillis: Date.now(), mailboxes: held })
  }),
  again(() => graph(driver)),
])

function tell(seen: Seen): void {
  process.stdout.write(`${JSON.stringify(seen)}\n`)
}

function wrong(sentences: readonly string[]): void {
  for (const what of sentences) tell({ kind: "wrong", atMillis: Date.now(), what })
}

/** Again and again; what cannot be asked now is asked next time. */
async function again(look: () => Promise<void>): Promise<void> {
  while (!isEnding) {
    await look().catch(() => sleep(againMillis))
    await sleep(lookMillis)
  }
}

/** Every message of a stream in its order; begins anew where the servers lose it. */
async function follow(
  stream: string,
  filter: string,
  headersOnly: boolean,
  heard: (message: JsMsg) => void,
): Promise<void> {
  let next = 0
  while (!isEnding) {
    try {
      const from =
        next === 0
          ? { deliver_policy: DeliverPolicy.LastPerSubject }
          : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: next }
      const options = { ...from, filter_subjects: filter, headers_only: headersOnly }
      const consumer = await jetstream(connection).consumers.get(stream, options)
      const messages = await consumer.consume(pulling)
      void stopWhereSilent(messages)
      for await (const message of messages) {
        if (message.seq < next) continue
        next = message.seq + 1
        heard(message)
      }
    } catch {
      // No leader, or no stream yet.
    }
    await sleep(againMillis)
  }
}

/** Its server may be gone, and its consumer with it. */
async function stopWhereSilent(messages: ConsumerMessages): Promise<void> {
  for await (const { type } of messages.status()) {
    if (type === "heartbeats_missed") messages.stop()
  }
}

function lease(message: JsMsg): void {
  const atMillis = message.info.timestampNanos / nanosPerMilli
  const shard = Number(message.subject.split(".").at(-1))
  const entry = message.data.length === 0 ? undefined : decodeEntry(message.string())
  if (entry?.kind !== "lease") return tell({ kind: "vacant", atMillis, shard })
  const { node, incarnation, epoch } = entry
  tell({ kind: "lease", atMillis, shard, node, incarnation, epoch })
}

function state({ subject, seq, headers }: JsMsg): void {
  const [, what, shard] = subject.split(".")
  const of = { shard: Number(shard), sequence: seq }
  if (what === "ep") return wrong(watch.state({ ...of, wrote: "epoch" }))
  const fence = headers?.get("Nats-Expected-Last-Subject-Sequence") || headers?.get(unfencedHeader)
  if (fence) wrong(watch.state({ ...of, wrote: { fence: Number(fence) } }))
}

async function graph(from: Driver): Promise<void> {
  const read = async (statement: string) =>
    (await from.executeQuery(statement, {}, { database: "neo4j", routing: "READ" })).records
  // Guards first: a cursor that moves after the next look moved while they stood as seen here.
  const guards = await read(
    "MATCH (g:_Guard) RETURN g.shard AS shard, coalesce(g.epoch, 0) AS epoch",
  )
  const cursors = await read(
    `MATCH (c:_Cursor) MATCH (t:_Tenant {id: c.tenant})
     RETURN t.name AS tenant, c.partition AS partition, c.sequence AS sequence, c.epoch AS epoch`,
  )
  const runs = await read("MATCH (u:_Run) RETURN coalesce(sum(u.accepted), 0) AS accepted")
  const found = {
    guards: guards.map((row) => row.toObject() as GraphSeen["guards"][number]),
    cursors: cursors.map((row) => row.toObject() as CursorSeen),
  }
  wrong(watch.graph(found))
  tell({ kind: "graph", atMillis: Date.now(), accepted: Number(runs[0]?.get("accepted") ?? 0) })
}
