/** What the log holds, as the command line shows and checks it. */
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { describe, expect, it, vi } from "vitest"
import { openDataDirectory, openEmbeddedLog } from "../../runtime/index.ts"
import { TestSender } from "../support/blocks.ts"
import { intelgraph, start } from "../support/command.ts"
import { run } from "../support/run.ts"
import { runScoped, temporaryFolder } from "../support/scoped.ts"

/** A data directory whose log holds what nobody has handled. */
async function folderWithBlocks(sender = new TestSender()): Promise<string> {
  const folder = temporaryFolder()
  await run(
    Effect.scoped(
      Effect.gen(function* () {
        const directory = yield* openDataDirectory(join(folder, "intelgraph-data"))
        const { log } = yield* openEmbeddedLog(directory)
        for (const partition of [0, 1, 0]) yield* log.append(sender.next(partition))
        yield* log.append(sender.next(0, 64, "other"))
      }),
    ),
  )
  return folder
}

const linesOf = (out: string) =>
  out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))

describe("intelgraph log tail", () => {
  it("shows what waits of a tenant, a partition or a source", async () => {
    const folder = await folderWithBlocks()
    const tail = async (...words: readonly string[]) => {
      const { code, out, err } = await intelgraph({ folder }, "log", "tail", ...words)
      expect([code, err.includes("   at ")]).toEqual([0, false])
      return { out, err }
    }
    const blocks = linesOf((await tail("--json")).out)
    expect(blocks).toHaveLength(3)
    expect(blocks[0]).toMatchObject({
      tenant: "demo",
      partition: 0,
      sequence: 1,
      sender: "demo/connector/one",
      incarnation: "1.1",
      senderSequence: 1,
      source: "test",
      run: "1.1",
      records: 1,
    })
    expect(linesOf((await tail("--json", "--partition", "1")).out)).toMatchObject([
      { partition: 1 },
    ])
    expect(linesOf((await tail("--json", "--last", "1")).out)).toMatchObject([{ partition: 1 }])
    expect((await tail("--source", "nobody")).err).toContain("No block waits")
    expect((await tail("--tenant", "other")).out).toContain("other/0")
  })

  it("follows those that come, and holds none", async () => {
    const sender = new TestSender()
    const folder = await folderWithBlocks(sender)
    const following = start({ folder }, "log", "tail", "--follow", "--last", "0", "--json")
    await following.says(/Following/)
    let out = ""
    following.child.stdout.on("data", (text: string) => {
      out += text
    })
    const directory = await runScoped(openDataDirectory(join(folder, "intelgraph-data")))
    const { log } = await runScoped(openEmbeddedLog(directory))
    await run(log.append(sender.next(1)))
    await vi.waitFor(() => expect(out).toContain("\n"), { timeout: 20_000 })
    expect(linesOf(out)).toMatchObject([{ partition: 1, sequence: 2, senderSequence: 2 }])
    following.child.kill("SIGINT")
    expect((await following.ended).code).toBe(0)
  })
})

describe("intelgraph log verify", () => {
  it("says that a log is whole, and where it is not", async () => {
    const folder = await folderWithBlocks()
    const verify = () => intelgraph({ folder }, "log", "verify", "--json")
    const whole = await verify()
    expect([whole.code, JSON.parse(whole.out)]).toMatchObject([
      0,
      { partitions: 3, blocks: 4, chains: 3, damage: null },
    ])
    const db = new DatabaseSync(join(folder, "intelgraph-data", "log.db"))
    db.exec("update blocks set block = zeroblob(length(block)) where lane = 1 and sequence = 2")
    db.close()
    const damaged = await verify()
    expect([damaged.code, JSON.parse(damaged.out)]).toMatchObject([
      1,
      { damage: { tenant: "demo", partition: 0, sequence: 2 } },
    ])
    expect(damaged.err).toContain(
      "Partition demo/0 is damaged at 2. Block 2 is not what was stored",
    )
    const shown = await intelgraph({ folder }, "log", "tail")
    expect([shown.code, shown.out]).toEqual([0, expect.stringContaining("cannot be read")])
  })

  it("says in one sentence that there is no log", async () => {
    const folder = temporaryFolder()
    const { code, err } = await intelgraph({ folder }, "log", "verify")
    expect([code, err.trim().split("\n").length]).toEqual([1, 1])
  })
})
