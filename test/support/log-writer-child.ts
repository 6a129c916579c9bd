/**
 * A process that appends, acknowledges and says on stdout what was answered, until it is killed.
 * Lines: `appended <sender sequence> <sequence> <sha256>` and `acknowledged <sequence>`, each after
 * its answer.
 */
import { writeSync } from "node:fs"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import { hashBlock } from "../../protocols/block.ts"
import { openDataDirectory, openEmbeddedLog, takeOver } from "../../runtime/index.ts"
import { TestSender } from "./blocks.ts"

const [path = "", lanes = "3"] = process.argv.slice(2)

const say = (line: string) => Effect.sync(() => writeSync(1, `${line}\n`))

const main = Effect.gen(function* () {
  const { log, state } = yield* openEmbeddedLog(yield* openDataDirectory(path))
  const shards = Array.from({ length: 64 }, (_, shard) => shard)
  const { owners } = yield* takeOver({ log, state, sinks: [], shards })
  const [any] = owners
  const sender = new TestSender("demo/connector/child", { epoch: any?.epoch ?? 0, start: 1 })
  const send = (partition: number) =>
    Effect.gen(function* () {
      const offer = sender.next(partition, 20_000)
      const { sequence } = yield* log
        .append(offer)
        .pipe(
          Effect.catchTag("MailboxFull", () =>
            Effect.andThen(log.whenFree({ tenant: "demo", partition }), log.append(offer)),
          ),
        )
      const digest = Buffer.from(hashBlock(offer.block)).toString("hex")
      yield* say(`appended ${partition} ${sequence} ${digest}`)
    })
  const consume = (owner: (typeof owners)[number]) =>
    Effect.gen(function* () {
      const blocks = yield* log.pull(owner, 100_000)
      const [first] = blocks
      if (first === undefined) return
      yield* say(`acknowledging ${first.partition} ${first.sequence}`)
      yield* log.acknowledge(owner, [first])
      yield* say(`acknowledged ${first.partition} ${first.sequence}`)
      yield* log.handBack(owner, blocks.slice(1))
    })
  const senders = Array.from({ length: Number(lanes) }, (_, n) => Effect.forever(send(n)))
  yield* Effect.all([...senders, ...owners.map((owner) => Effect.forever(consume(owner)))], {
    concurrency: "unbounded",
  })
})

NodeRuntime.runMain(Effect.scoped(main))
