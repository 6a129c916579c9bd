import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, test } from "vitest"
import { dataFiles, takeOver } from "../../runtime/index.ts"
import { TestSender } from "../support/blocks.ts"
import {
  change,
  filled,
  folder,
  refusal,
  shard,
  tenant,
  within,
} from "../support/embedded-folder.ts"

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
