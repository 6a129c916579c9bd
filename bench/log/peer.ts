/**
 * The peer of the log's bench: the client of NATS by itself, as its documentation has it for speed.
 * `js.publish` with a bounded number of answers awaited at once, `consume` with a callback that
 * acknowledges each message without waiting for an answer. No chain, no owner, nothing known of
 * what was handled but what the server's consumer knows.
 *
 *     node bench/log/peer.ts SETTINGS
 */
import {
  AckPolicy,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { type PeerSettings, partitions, payloadBytes, serveRounds } from "./messages.ts"

const settings = JSON.parse(process.argv[2] ?? "") as PeerSettings
const { servers, name, publishes, buffered, retention } = settings
const connection = await connect({ servers: servers.split(","), noAsyncTraces: true })
const manager = await jetstreamManager(connection)
await manager.streams.add({
  name,
  subjects: [`${name}.*`],
  storage: StorageType.File,
  retention: retention === "limits" ? RetentionPolicy.Limits : RetentionPolicy.Workqueue,
})
await manager.consumers.add(name, {
  durable_name: "handler",
  ack_policy: AckPolicy.Explicit,
  max_ack_pending: -1,
})
const js = jetstream(connection)
const consumer = await js.consumers.get(name, "handler")
const subjects = Array.from({ length: partitions }, (_, partition) => `${name}.${partition}`)
const payload = new Uint8Array(payloadBytes).fill(7)

let handled = 0
let bytes = 0
let wanted = Number.POSITIVE_INFINITY
let reached = () => {}
const messages = await consumer.consume({
  ...(buffered === undefined ? {} : { max_messages: buffered }),
  callback: (message) => {
    bytes += message.data.byteLength
    message.ack()
    if (++handled === wanted) reached()
  },
})

await serveRounds(async (count) => {
  const all = new Promise<void>((resolve) => {
    wanted = handled + count
    reached = resolve
  })
  let sent = 0
  const send = async () => {
    while (sent < count) await js.publish(subjects[sent++ % partitions] ?? "", payload)
  }
  await Promise.all(Array.from({ length: publishes }, send))
  await all
  // What was acknowledged without waiting has arrived when this is answered.
  await connection.flush()
})
if (bytes !== handled * payloadBytes) throw new Error("the payloads are not what was sent")
await messages.close()
await manager.streams.delete(name)
await connection.close()
