/** What the log holds unacknowledged, asked of the servers and not of a node. */
import { connect, type NatsConnection } from "@nats-io/transport-node"

const askMillisMax = 2_000
const reconnectMillis = 250

export interface Mailbox {
  readonly shard: number
  readonly tenant: string
  readonly partition: number
  readonly blocks: number
}

export const connectTo = (servers: string, name: string): Promise<NatsConnection> =>
  connect({
    servers: servers.split(","),
    name,
    maxReconnectAttempts: -1,
    reconnectTimeWait: reconnectMillis,
    ignoreClusterUpdates: true,
  })

interface StreamState {
  readonly error?: { readonly description: string }
  readonly state?: { readonly subjects?: { readonly [subject: string]: number } }
}

/**
 * Mailboxes that are not empty. A block leaves the stream when it is acknowledged, so what is there
 * is not. Rejects where no leader answers.
 */
export async function mailboxes(
  connection: NatsConnection,
  log = "intelgraph",
): Promise<readonly Mailbox[]> {
  const stream = `${log.toUpperCase()}_MB`
  const asked = JSON.stringify({ subjects_filter: `${log}.mb.>` })
  const options = { timeout: askMillisMax }
  const answer = await connection.request(`$JS.API.STREAM.INFO.${stream}`, asked, options)
  const { error, state } = answer.json<StreamState>()
  if (error !== undefined) throw new Error(`${stream}: ${error.description}`)
  return Object.entries(state?.subjects ?? {}).map(([subject, blocks]) => {
    const [, , shard, tenant = "", partition] = subject.split(".")
    return { shard: Number(shard), tenant, partition: Number(partition), blocks }
  })
}

export const blocksIn = (all: readonly Mailbox[]): number =>
  all.reduce((sum, { blocks }) => sum + blocks, 0)
