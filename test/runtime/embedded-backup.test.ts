import { cpSync, existsSync, mkdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import { backupDirectory, dataFiles, restoreDirectory, takeOver } from "../../runtime/index.ts"
import { TestSender } from "../support/blocks.ts"
import { filled, folder, shard, tenant, within } from "../support/embedded-folder.ts"
import { run } from "../support/run.ts"

describe("a backup", () => {
  /** Stands for a sink: a file with the highest sequence that was applied. */
  const copyGraph = (path: string, applied: () => number) =>
    Effect.sync(() => {
      const db = new DatabaseSync(path)
      db.exec(`create table applied(sequence); insert into applied values (${applied()})`)
      db.close()
    })

  test("made under load has every block that its graph lacks, and its own log", async () => {
    const path = folder()
    const target = join(folder(), "backup")
    const restored = join(folder(), "restored")
    const sender = new TestSender()
    let applied = 0
    let parked = 0
    const files: string[] = []
    await within(path, ({ directory, log, state }) =>
      Effect.gen(function* () {
        const { owners } = yield* takeOver({ log, state, sinks: [], shards: [shard] })
        const [owner = { shard, epoch: 0 }] = owners
        const work = Effect.gen(function* () {
          for (let i = 0; i < 3; i++) yield* log.append(sender.next(0, 5000))
          const blocks = yield* log.pull(owner, 2 ** 30)
          applied = blocks.at(-1)?.sequence ?? applied
          yield* log.acknowledge(owner, blocks)
        })
        const parkedAt = ["parked", tenant, "0", "1"]
        yield* work
        yield* state.write(owner, [{ path: parkedAt, value: new Uint8Array(9) }])
        const graph = (to: string) =>
          copyGraph(to, () => applied).pipe(
            Effect.andThen(work),
            Effect.andThen(state.write(owner, [{ path: parkedAt, value: undefined }])),
            Effect.andThen(work),
          )
        yield* backupDirectory({
          directory,
          log,
          graph,
          target,
          onProgress: ({ file }) => files.push(file),
        })
        expect(yield* log.tails).toMatchObject([{ pending: 0 }])
      }),
    )
    expect([...new Set(files)]).toEqual(["graph.db", "log.db", "meta.db"])
    expect(statSync(target).mode & 0o777).toBe(0o700)
    // Without its last file what is there so far is no data directory yet.
    const renew = (graph: string) =>
      Effect.sync(() => {
        expect([existsSync(graph), existsSync(dataFiles(restored).meta)]).toEqual([true, false])
      })
    await run(restoreDirectory({ from: target, target: restored, graph: renew }))
    const graph = new DatabaseSync(dataFiles(restored).graph)
    const inGraph = Number(graph.prepare("select sequence from applied").get()?.sequence)
    graph.close()
    await within(restored, ({ log, state }) =>
      Effect.gen(function* () {
        const { owners } = yield* takeOver({ log, state, sinks: [], shards: [shard] })
        const blocks = yield* log.pull(owners[0] ?? { shard, epoch: 0 }, 2 ** 30)
        const due = Array.from({ length: applied - inGraph }, (_, i) => inGraph + 1 + i)
        expect(blocks.map(({ sequence }) => sequence)).toEqual(due)
        parked = (yield* state.read(shard, ["parked", tenant, "0", "1"]))?.length ?? 0
      }),
    )
    expect(parked).toBe(9)
  })

  test("is not put where something is, nor taken from what is no whole backup", async () => {
    const path = await filled()
    const target = join(folder(), "backup")
    await within(path, ({ directory, log }) =>
      backupDirectory({ directory, log, target, graph: (to) => copyGraph(to, () => 0) }),
    )
    const into = folder()
    const refused = (from: string, to: string) =>
      run(Effect.flip(restoreDirectory({ from, target: to, graph: () => Effect.void })))
    expect(await refused(target, path)).toMatchObject({ reason: "foreign" })
    rmSync(dataFiles(target).graph)
    expect(await refused(target, into)).toMatchObject({ reason: "missing" })
    cpSync(dataFiles(target).log, dataFiles(target).graph)
    cpSync(dataFiles(await filled()).log, dataFiles(target).log)
    expect(await refused(target, into)).toMatchObject({ _tag: "LogDamaged" })
    mkdirSync(join(into, "empty"))
    expect(await refused(join(into, "empty"), into)).toMatchObject({ reason: "missing" })
  })
})
