import { spawnSync } from "node:child_process"
import { chmodSync, cpSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { afterEach, describe, expect, test } from "vitest"
import { shardOf } from "../../protocols/address.ts"
import {
  backupDirectory,
  dataFiles,
  type EmbeddedLogOptions,
  openDataDirectory,
  openDataDirectoryReadOnly,
  openEmbeddedLog,
  openEmbeddedLogReadOnly,
  restoreDirectory,
  takeOver,
} from "../../runtime/index.ts"
import { TestSender } from "../support/blocks.ts"
import { makeFolder } from "../support/embedded-world.ts"
import { run } from "../support/run.ts"

const tenant = "demo"
const shard = shardOf(tenant, 0)
const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})
function folder(): string {
  const made = makeFolder()
  folders.push(made)
  return made
}

const openBoth = (path: string, options: EmbeddedLogOptions = {}) =>
  Effect.gen(function* () {
    const directory = yield* openDataDirectory(path)
    return { directory, ...(yield* openEmbeddedLog(directory, options)) }
  })

const within = <A, E>(
  path: string,
  use: (opened: Effect.Success<ReturnType<typeof openBoth>>) => Effect.Effect<A, E>,
  options: EmbeddedLogOptions = {},
) => run(Effect.scoped(Effect.flatMap(openBoth(path, options), use)))

const refusal = (path: string) => run(Effect.flip(Effect.scoped(openBoth(path))))

/** A folder with blocks of 2,000 bytes in partition 0, none acknowledged. */
async function filled(blocks = 3): Promise<string> {
  const path = folder()
  const sender = new TestSender()
  await within(path, ({ log }) =>
    Effect.forEach(Array.from({ length: blocks }), () => log.append(sender.next(0, 2000))),
  )
  return path
}

function change(path: string, sql: string): void {
  const db = new DatabaseSync(dataFiles(path).log)
  db.exec(sql)
  db.close()
}

describe("the data directory", () => {
  test("is readable by its owner only, also where it was not before", async () => {
    const path = join(folder(), "new", "data")
    await within(path, () => Effect.void)
    expect(statSync(path).mode & 0o777).toBe(0o700)
    chmodSync(path, 0o755)
    await within(path, () => Effect.void)
    expect(statSync(path).mode & 0o777).toBe(0o700)
  })

  test("refuses a second writer, names the first, and is free after it", async () => {
    const path = folder()
    await within(path, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.scoped(openDataDirectory(path)))
        expect(error).toMatchObject({ _tag: "DataDirectoryRefused", reason: "locked" })
        expect(error.message).toContain(String(process.pid))
        const script =
          'const { DatabaseSync } = require("node:sqlite");' +
          'new DatabaseSync(process.argv[1]).exec("begin exclusive")'
        const other = spawnSync(process.execPath, ["-e", script, dataFiles(path).lock])
        expect(String(other.stderr)).toContain("database is locked")
      }),
    )
    await within(path, () => Effect.void)
  })

  test("migrates an older format forward, once, and refuses a newer one by name", async () => {
    const path = folder()
    await run(Effect.scoped(openDataDirectory(path)))
    const steps: string[] = []
    const migrations = [() => steps.push("1 to 2"), () => steps.push("2 to 3")]
    const newer = openDataDirectory(path, {
      migrations: migrations.map((step) => () => void step()),
    })
    await run(Effect.scoped(newer))
    await run(Effect.scoped(newer))
    expect(steps).toEqual(["1 to 2", "2 to 3"])
    const error = await run(Effect.flip(Effect.scoped(openDataDirectory(path))))
    expect(error).toMatchObject({ reason: "newer-format" })
    expect(error.message).toContain("format 3")
    const look = await run(Effect.flip(Effect.scoped(openDataDirectoryReadOnly(path))))
    expect(look.reason).toBe("newer-format")
  })

  test("refuses a folder of other things and leaves it as it is", async () => {
    const path = folder()
    writeFileSync(join(path, "letter.txt"), "dear")
    chmodSync(path, 0o755)
    expect(await refusal(path)).toMatchObject({ reason: "foreign" })
    expect(statSync(path).mode & 0o777).toBe(0o755)
    expect(existsSync(join(path, "lock.db"))).toBe(false)
  })

  test("refuses a path that is a file, and a look where nothing is", async () => {
    const path = join(folder(), "file")
    writeFileSync(path, "")
    expect(await refusal(path)).toMatchObject({ reason: "not-writable" })
    const look = openDataDirectoryReadOnly(join(folder(), "nothing"))
    expect(await run(Effect.flip(Effect.scoped(look)))).toMatchObject({ reason: "missing" })
  })

  test("keeps facts by name", async () => {
    const path = folder()
    await within(path, ({ directory: { meta } }) =>
      Effect.andThen(
        meta.set("a", "1"),
        Effect.andThen(meta.set("b", "2"), meta.set("b", undefined)),
      ),
    )
    await within(path, ({ directory: { meta } }) =>
      Effect.sync(() => expect([meta.get("a"), meta.get("b")]).toEqual(["1", undefined])),
    )
  })
})

describe("a look at the log", () => {
  const look = (path: string) =>
    Effect.scoped(
      Effect.gen(function* () {
        const view = yield* openEmbeddedLogReadOnly(yield* openDataDirectoryReadOnly(path))
        const [tail] = yield* view.tails
        return { tail, value: yield* view.state.read(shard, ["a"]) }
      }),
    )

  test("works beside the running node and shows what is stored", async () => {
    const path = folder()
    await within(path, ({ log, state }) =>
      Effect.gen(function* () {
        const owners = yield* state.claim([shard])
        for (const owner of owners) {
          yield* state.write(owner, [{ path: ["a"], value: new Uint8Array([7]) }])
        }
        const { sequence } = yield* log.append(new TestSender().next(0))
        const { tail, value } = yield* look(path)
        expect(tail).toEqual({ tenant, partition: 0, lastSequence: sequence, pending: 1 })
        expect(value).toEqual(new Uint8Array([7]))
      }),
    )
    expect((await run(look(path))).tail?.pending).toBe(1)
  })

  test("works on what a killed node left, and changes nothing", async () => {
    const [path, left] = [folder(), folder()]
    await within(path, ({ log }) =>
      Effect.gen(function* () {
        yield* log.append(new TestSender().next(0))
        cpSync(path, left, { recursive: true })
      }),
    )
    expect(existsSync(join(left, "log.db-wal"))).toBe(true)
    expect((await run(look(left))).tail?.pending).toBe(1)
    await within(left, ({ log }) =>
      Effect.map(log.tails, ([tail]) => expect(tail?.pending).toBe(1)),
    )
  })
})

describe("damage", () => {
  test("of one byte of a block is found before it is delivered", async () => {
    const path = await filled()
    change(
      path,
      "update blocks set block = " +
        "cast(substr(block, 1, 500) || x'00' || substr(block, 502) as blob) where sequence = 2",
    )
    const error = await within(path, ({ log, state }) =>
      Effect.gen(function* () {
        const { owners } = yield* takeOver({ log, state, sinks: [], shards: [shard] })
        const [owner] = owners
        return owner && (yield* Effect.flip(log.pull(owner, 2 ** 30)))
      }),
    )
    expect(error).toMatchObject({ _tag: "LogDamaged", partition: "demo/0", sequence: 2 })
  })

  const breaks: readonly [string, string][] = [
    ["a lost tail of the counted blocks", "update lanes set last_sequence = 1"],
    [
      "a block that does not follow its neighbour",
      "update blocks set previous_hash = zeroblob(32)",
    ],
    ["a block that is shorter than it was", "update blocks set block = x'00' where sequence = 1"],
    ["a chain that ends before its blocks", "update chains set sender_sequence = 2"],
    ["a block of no partition", "update blocks set lane = 9 where sequence = 3"],
  ]
  test.each(breaks)("%s is found when the log is opened", async (_, sql) => {
    const path = await filled()
    change(path, sql)
    expect(await refusal(path)).toMatchObject({ _tag: "LogDamaged" })
  })

  test("of the file itself is told as damage, with its name", async () => {
    const path = await filled()
    writeFileSync(dataFiles(path).log, Buffer.alloc(8192, 7))
    const error = await refusal(path)
    expect(error._tag).toBe("LogDamaged")
    expect(error.message).toContain("log.db")
  })

  test("a log that is gone, or another one, is refused and stays so", async () => {
    const path = await filled()
    const other = await filled()
    rmSync(dataFiles(path).log)
    expect(await refusal(path)).toMatchObject({ _tag: "LogDamaged" })
    cpSync(dataFiles(other).log, dataFiles(path).log)
    expect(await refusal(path)).toMatchObject({ _tag: "LogDamaged" })
    expect(await refusal(path)).toMatchObject({ _tag: "LogDamaged" })
  })

  test("an older copy of the log is refused, because a sink is ahead of it", async () => {
    const path = await filled(1)
    const copy = folder()
    cpSync(path, copy, { recursive: true })
    const cursor = { tenant, partition: 0, sequence: 2 }
    const sink = { guard: () => Effect.void, cursors: () => Effect.succeed([cursor]) }
    const error = await within(copy, ({ log, state }) =>
      Effect.flip(takeOver({ log, state, sinks: [sink], shards: [shard] })),
    )
    expect(error).toMatchObject({ _tag: "LogDamaged", partition: "demo/0", sequence: 2 })
  })
})

describe("limits", () => {
  test("a full disk refuses the block whole, and a restart finds the others", async () => {
    const path = folder()
    const sender = new TestSender()
    const stored = await within(
      path,
      ({ log }) =>
        Effect.gen(function* () {
          let count = 0
          while (true) {
            const sent = yield* Effect.exit(log.append(sender.next(count % 4, 100_000)))
            if (sent._tag === "Success") count++
            else break
          }
          const error = yield* Effect.flip(log.append(sender.next(0, 100_000)))
          expect(error).toMatchObject({ _tag: "DiskFull", path: dataFiles(path).log })
          expect((yield* Effect.flip(log.tails))._tag).toBe("DiskFull")
          return count
        }),
      { fileBytesMax: 1024 ** 2 },
    )
    expect(stored).toBeGreaterThan(4)
    const tails = await within(path, ({ log }) => log.tails)
    expect(tails.reduce((sum, { pending }) => sum + pending, 0)).toBe(stored)
  })

  test("a log at its bound refuses everybody until a block is acknowledged", async () => {
    const sender = new TestSender()
    await within(
      folder(),
      ({ log, state }) =>
        Effect.gen(function* () {
          const { owners } = yield* takeOver({ log, state, sinks: [], shards: [shard] })
          const [owner = { shard, epoch: 0 }] = owners
          yield* log.append(sender.next(0, 600_000))
          const offer = sender.next(1, 600_000)
          expect(yield* Effect.flip(log.append(offer))).toMatchObject({ _tag: "LogFull" })
          const waiting = yield* Effect.forkDetach(log.whenFree(offer), { startImmediately: true })
          yield* log.acknowledge(owner, yield* log.pull(owner, 1))
          yield* Fiber.join(waiting)
          expect((yield* log.append(offer)).repeated).toBe(false)
        }),
      { bounds: { logBytesMax: 1_000_000 } },
    )
  })

  test("forgets the longest silent chain first, and refuses its next block", async () => {
    const path = folder()
    const options = { bounds: { chainsMax: 2 } }
    const senders = ["a", "b", "c"].map((key) => new TestSender(`demo/connector/${key}`))
    const [a, b, c] = senders
    if (!a || !b || !c) throw new Error("three were made")
    const send = (sender: TestSender) =>
      within(path, ({ log }) => log.append(sender.next(0)), options)
    await send(a)
    await send(b)
    await send(a)
    await send(c)
    await send(a)
    await expect(send(b)).rejects.toMatchObject({ _tag: "LogDamaged" })
  })
})

describe("the end", () => {
  test("of the scope stores what waits, and later calls are unavailable", async () => {
    const path = folder()
    const sender = new TestSender()
    const log = await within(path, ({ log: opened }) =>
      Effect.gen(function* () {
        for (let n = 0; n < 4; n++) {
          yield* Effect.forkDetach(opened.append(sender.next(n)), { startImmediately: true })
        }
        return opened
      }),
    )
    expect((await run(Effect.flip(log.append(sender.next(0)))))._tag).toBe("Unavailable")
    expect((await within(path, ({ log: again }) => again.tails)).length).toBe(4)
  })
})

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
    await run(restoreDirectory(target, restored))
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
    const refused = (from: string, to: string) => run(Effect.flip(restoreDirectory(from, to)))
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

test("a log that failed fails every call the same way until it is opened anew", async () => {
  const path = await filled()
  const sender = new TestSender("demo/connector/two")
  await within(path, ({ log, state }) =>
    Effect.gen(function* () {
      const { owners } = yield* takeOver({ log, state, sinks: [], shards: [shard] })
      const [owner = { shard, epoch: 0 }] = owners
      yield* log.pull(owner, 2 ** 30)
      const waiting = yield* Effect.forkDetach(Effect.flip(log.pull(owner, 1)), {
        startImmediately: true,
      })
      change(path, "alter table blocks rename to elsewhere")
      const errors = [
        yield* Effect.flip(log.append(sender.next(0))),
        yield* Fiber.join(waiting),
        yield* Effect.flip(log.append(sender.next(0))),
        yield* Effect.flip(state.read(shard, ["a"])),
        yield* Effect.flip(log.holdTrimming(Effect.void)),
      ]
      for (const error of errors) expect(error).toMatchObject({ _tag: "StoreFailed" })
      expect(new Set(errors.map(({ message }) => message)).size).toBe(1)
    }),
  )
  change(path, "alter table elsewhere rename to blocks")
  const tails = await within(path, ({ log }) => log.tails)
  expect(tails).toMatchObject([{ lastSequence: 3, pending: 3 }])
})

test("a log that cannot be opened says which file and why", async () => {
  const path = folder()
  mkdirSync(dataFiles(path).log)
  writeFileSync(join(path, "lock.db"), "")
  const error = await refusal(path)
  expect(error._tag).toBe("StoreFailed")
  expect(error.message).toContain("log.db")
})
