/** `GraphSink` over a writer's thread, whatever it writes to. */
import * as Effect from "effect/Effect"
import { Fenced, InvariantBroken, invariant, LogDamaged } from "../../../protocols/errors.ts"
import type { BlockEffects } from "../../../protocols/graph.ts"
import { deadLettersSettledMax } from "../../../protocols/limits.ts"
import type { GraphSinkShape, PreparedBlock, StoreBroken } from "../../graph/port.ts"
import { encodeBlock, type GuardAnswer, wireOfLetterChange } from "../../graph/write/wire.ts"
import type { Result, WriterThread } from "./writer-thread.ts"

export function sinkOf(
  thread: WriterThread,
  rest: Pick<GraphSinkShape, "cursors" | "backup">,
): GraphSinkShape {
  return {
    guard: (logId, guards) =>
      expect(thread.urge({ kind: "guard", logId, guards }), "guard").pipe(
        Effect.flatMap(({ answer }) => answerOfGuard(answer)),
      ),
    configureSource: (tenant, source, { priority }) =>
      Effect.asVoid(thread.request(() => ({ kind: "configure", tenant, source, priority }))),
    settleDeadLetters: (tenant, changes) =>
      Effect.suspend(() => {
        invariant(
          changes.length <= deadLettersSettledMax,
          `At most ${deadLettersSettledMax} dead letters are settled together.`,
        )
        if (changes.length === 0) return Effect.succeed(0)
        const letters = changes.map(wireOfLetterChange)
        return expect(
          thread.request(() => ({ kind: "settle", tenant, letters })),
          "settled",
        ).pipe(Effect.map((answer) => answer.letters))
      }),
    prepare,
    commit: (given) =>
      Effect.suspend(() => {
        if (given.length === 0) return Effect.succeed([])
        const prepared = given.map((block) => ("bytes" in block ? block : prepare(block)))
        const records = prepared.reduce((sum, block) => sum + block.recordCount, 0)
        const blocks = prepared.map(({ bytes }) => {
          invariant(!bytes.buffer.detached, "A block that was released is not committed.")
          return bytes
        })
        return expect(
          thread.request(() => ({ kind: "commit", records, blocks })),
          "committed",
        ).pipe(Effect.map(({ outcomes }) => outcomes))
      }),
    ...rest,
  }
}

const prepare = (block: BlockEffects): PreparedBlock => {
  const { tenant, partition, sequence, records } = block
  const bytes = encodeBlock(block)
  const release = () => {
    if (!bytes.buffer.detached) bytes.buffer.transfer(0)
  }
  return { tenant, partition, sequence, recordCount: records.length, bytes, release }
}

function expect<K extends Result["kind"]>(request: Effect.Effect<Result, StoreBroken>, kind: K) {
  return request.pipe(
    Effect.flatMap((result) => {
      if (result.kind === kind) return Effect.succeed(result as Result & { readonly kind: K })
      const message = `The graph writer answered ${result.kind} to a request for ${kind}.`
      return Effect.die(new InvariantBroken({ message }))
    }),
  )
}

function answerOfGuard(answer: GuardAnswer): Effect.Effect<void, Fenced | LogDamaged> {
  switch (answer.kind) {
    case "guarded":
      return Effect.void
    case "fenced": {
      const { shard, epoch, current } = answer
      const message = `Epoch ${epoch} of shard ${shard} is behind ${current} in the graph store.`
      return Effect.fail(new Fenced({ shard, epoch, current, message }))
    }
    case "other-log": {
      const message =
        `The graph store belongs to another log (${answer.logId}): its cursors say nothing of ` +
        "this one. Restore both from the same backup."
      return Effect.fail(new LogDamaged({ partition: "", sequence: 0, message }))
    }
  }
}
