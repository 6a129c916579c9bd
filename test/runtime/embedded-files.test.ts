import { spawnSync } from "node:child_process"
import { chmodSync, cpSync, existsSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import {
  dataFiles,
  openDataDirectory,
  openDataDirectoryReadOnly,
  openEmbeddedLogReadOnly,
} from "../../runtime/index.ts"
import { TestSender } from "../support/blocks.ts"
import { folder, refusal, shard, tenant, within } from "../support/embedded-folder.ts"
import { run } from "../support/run.ts"

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
    await run(Effect.scoped(openDataDirectory(path, { migrations: [] })))
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
    // Where there is a /proc, it takes no folders; elsewhere nobody may make one there.
    expect(await refusal("/proc/intelgraph/data")).toMatchObject({ reason: "not-writable" })
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
