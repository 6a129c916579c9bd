/** `GraphSink` over the writer's thread. */
import * as Effect from "effect/Effect"
import { Fenced, InvariantBroken, LogDamaged } from "../../../protocols/errors.ts"
import type { BlockEffects } from "../../../protocols/graph.ts"
import type { Cursor, GraphSinkShape, PreparedBlock, StoreBroken } from "../../graph/port.ts"
import { copyStore } from "./backup.ts"
import type { ReadStore } from "./read-store.ts"
import { encodeBlock, type GuardAnswer } from "./wire.ts"
import type { Result, WriterThread } from "./writer-thread.ts"

export function sinkOf(path: string, thread: WriterThread, store: ReadStore): GraphSinkShape {
  return {
    guard: (logId, guards) =>
      expect(
        thread.request(() => ({ kind: "guard", logId, guards })),
        "guard",
      ).pipe(Effect.flatMap(({ answer }) => answerOfGuard(answer))),
    cursors: (tenant) => store.run(() => cursorsOf(store, tenant)),
    configureSource: (tenant, source, { priority }) =>
      Effect.asVoid(thread.request(() => ({ kind: "configure", tenant, source, priority }))),
    prepare,
    commit: (given) =>
      Effect.suspend(() => {
        if (given.length === 0) return Effect.succeed([])
        const prepared = given.map((block) => ("bytes" in block ? block : prepare(block)))
        const records = prepared.reduce((sum, block) => sum + block.recordCount, 0)
        const blocks = prepared.map((block) => block.bytes)
        return expect(
          thread.request(() => ({ kind: "commit", records, blocks })),
          "committed",
        ).pipe(Effect.map(({ outcomes }) => outcomes))
      }),
    backup: (target) => copyStore(path, target),
  }
}

const prepare = (block: BlockEffects): PreparedBlock => {
  const { tenant, partition, sequence, records } = block
  return { tenant, partition, sequence, recordCount: records.length, bytes: encodeBlock(block) }
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

export function cursorsOf(store: ReadStore, tenant: string | undefined): readonly Cursor[] {
  const rows = store
    .query<[tenant: string, partition: number, sequence: number, epoch: number]>(
      `SELECT t.name, c.partition, c.sequence, c.epoch
       FROM cursor c JOIN tenant t ON t.id = c.tenant
       WHERE ?1 IS NULL OR t.name = ?1 ORDER BY t.name, c.partition`,
    )
    .all(tenant ?? null)
  return rows.map(([name, partition, sequence, epoch]) => ({
    tenant: name,
    partition,
    sequence,
    epoch,
  }))
}
