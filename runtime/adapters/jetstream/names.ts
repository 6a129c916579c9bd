/** Names of streams, subjects and consumers of one log. Other logs on the same servers differ. */
import { hash } from "node:crypto"
import { checkToken, type Partition, subjectOf } from "../../../protocols/address.ts"
import type { Incarnation } from "../../../protocols/block.ts"
import { senderTokensHeldMax, stateSubjectNamesMax } from "../../../protocols/limits.ts"
import type { StatePath } from "../../core/state.ts"
import { keyOfPath } from "../../core/state-path.ts"

export type Names = ReturnType<typeof namesOf>

/**
 * | subject                                               | stream | holds                        |
 * | ----------------------------------------------------- | ------ | ---------------------------- |
 * | `<name>.mb.<shard>.<tenant>.<n>`                      | MB     | blocks of a partition        |
 * | `<name>.ctl.<shard>.…`                                | CTL    | the control lane             |
 * | `<name>.ep.<shard>`                                   | ST     | the epoch: the fence         |
 * | `<name>.st.<shard>.…`                                 | ST     | a record of the actor state  |
 * | `<name>.st.all.<fact>`                                | ST     | what all nodes share         |
 * | `<name>.sv.<shard>.<hash>`                            | ST     | the rest of a large record   |
 * | `<name>.rc.<shard>.<tenant>.<n>.<sender>.<incarnation>` | ST   | what a sender's chain was    |
 */
export function namesOf(name: string) {
  checkToken("kind", name)
  const streamOf = (what: string) => `${name.toUpperCase()}_${what}`
  const receipts = (shard: number, { tenant, partition }: Partition) =>
    `${name}.rc.${shard}.${tenant}.${partition}`
  return {
    streams: { mb: streamOf("MB"), ctl: streamOf("CTL"), st: streamOf("ST") },
    all: {
      mb: [`${name}.mb.>`],
      ctl: [`${name}.ctl.>`],
      st: [`${name}.ep.*`, `${name}.st.>`, `${name}.sv.>`, `${name}.rc.>`],
    },
    partition: ({ tenant, partition }: Partition) =>
      `${name}.${subjectOf({ lane: "mb", tenant, partition })}`,
    blocksOf: (tenant = "*", partition: number | "*" = "*") =>
      `${name}.mb.*.${tenant}.${partition}`,
    partitionsOf: (shard: number | undefined) => `${name}.mb.${shard ?? "*"}.>`,
    epoch: (shard: number) => `${name}.ep.${shard}`,
    /** Long paths share a subject's first tokens; the last one stands for the whole path. */
    state: (shard: number, path: StatePath) => {
      const subject = subjectOf({ lane: "st", shard, path: path.slice(0, stateSubjectNamesMax) })
      const isLong = path.length > stateSubjectNamesMax
      return `${name}.${subject}${isLong ? `.y${hash("sha256", keyOfPath(path), "hex")}` : ""}`
    },
    shared: (fact: string) => `${name}.st.all.${fact}`,
    restsOf: (shard: number) => `${name}.sv.${shard}.*`,
    rest: (shard: number, key: Uint8Array) => `${name}.sv.${shard}.${hash("sha256", key, "hex")}`,
    receipts: (shard: number, of: Partition, sender: string, { epoch, start }: Incarnation) =>
      `${receipts(shard, of)}.${senderToken(sender)}.${epoch}-${start}`,
    receiptsOfSender: (shard: number, of: Partition, sender: string) =>
      `${receipts(shard, of)}.${senderToken(sender)}.*`,
    receiptsOfPartition: (shard: number, of: Partition) => `${receipts(shard, of)}.>`,
    receiptsOfShard: (shard: number | undefined) => `${name}.rc.${shard ?? "*"}.>`,
    consumer: (shard: number, epoch: number) => `s${shard}-e${epoch}`,
  }
}

/** The partition that a subject of blocks or of receipts names. */
export function partitionOfSubject(subject: string): Partition {
  const [, , , tenant = "", partition = ""] = subject.split(".")
  return { tenant, partition: Number(partition) }
}

export const shardOfSubject = (subject: string): number => Number(subject.split(".")[2])

/** The shard and epoch that a consumer's name stands for. */
export function ownershipOfConsumer(name: string): { shard: number; epoch: number } | undefined {
  const match = /^s(\d+)-e(\d+)$/.exec(name)
  return match === null ? undefined : { shard: Number(match[1]), epoch: Number(match[2]) }
}

/** Half of a SHA-256: senders' names are long, and two never meet in it. */
function senderToken(sender: string): string {
  const known = senderTokens.get(sender)
  if (known !== undefined) return known
  const token = hash("sha256", sender, "hex").slice(0, 32)
  if (senderTokens.size >= senderTokensHeldMax) senderTokens.clear()
  senderTokens.set(sender, token)
  return token
}

const senderTokens = new Map<string, string>()
