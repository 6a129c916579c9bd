/** What the bench of the log tells its processes, and what they answer: one JSON value a line. */
import { createInterface } from "node:readline"

/** Partitions that messages and blocks are spread over. */
export const partitions = 16
/** Bytes of a message, or of one record of a block. */
export const payloadBytes = 256

/** Settings of one of our nodes: its one argument. */
export interface NodeSettings {
  readonly servers: string
  readonly name: string
  /** Place of this node among as many, which share the shards. */
  readonly node: number
  readonly nodes: number
  /** Chains to each partition that this node sends at once. */
  readonly senders: number
  readonly recordsPerBlock: number
}

/** Settings of the peer: its one argument. */
export interface PeerSettings {
  readonly servers: string
  readonly name: string
  /** Publishes that are unanswered at once. */
  readonly publishes: number
  /** Messages that `consume` buffers; its own default where it is absent. */
  readonly buffered?: number
  readonly retention: "limits" | "workqueue"
}

/**
 * Says that this process is ready, and runs `round` with each count that comes; ends with the
 * input.
 */
export async function serveRounds(round: (count: number) => Promise<void>): Promise<void> {
  process.stdout.write("ready\n")
  for await (const line of createInterface({ input: process.stdin })) {
    await round(Number(line))
    process.stdout.write("done\n")
  }
}
