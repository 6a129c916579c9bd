/** What a node makes of sources that other nodes have: files are followed, writes are not. */
import { copyFileSync } from "node:fs"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { Follower } from "../../actors/follower.ts"
import { shardOfConnector } from "../../actors/partition.ts"
import type { RunRecord, RunState } from "../../actors/run-record.ts"
import { shardCount } from "../../protocols/limits.ts"
import { everySchedule } from "../../protocols/schedule.ts"
import { shareOut } from "../../runtime/index.ts"
import { requestOf } from "../support/embedded-node.ts"
import { actorsOf, source } from "../support/node-world.ts"
import { run } from "../support/run.ts"
import { temporaryFolder } from "../support/scoped.ts"
import { sharedOut, until, WriteCluster, type WriteNode } from "../support/write-cluster.ts"
import { receiptOf, spooled, things, took } from "../support/writes.ts"

const shardOfSource = (name: string) => shardOfConnector(`demo/connector/${name}`)

/** A source that is this node's where these two share the shards. */
function sourceOfNode(node: string, other: string): string {
  const owners = shareOut([node, other].map((one) => ({ node: one, weight: 1 })))
  const found = Array.from({ length: 100 }, (_, n) => `s${n}`).find(
    (name) => owners[shardOfSource(name)] === node,
  )
  return found ?? ""
}

const phaseAt = ({ node }: WriteNode, name: string) =>
  node.progress().find((one) => one.source === name)?.phase

describe("a write to a source that another node has", () => {
  it("goes there from behind a file of the source that is followed here", async () => {
    const folder = temporaryFolder()
    const cluster = new WriteCluster(folder)
    const name = sourceOfNode("a", "b")
    const b = await cluster.join("b", { reads: "nothing" })
    await until(() => expect(b.open.size).toBe(shardCount))
    const following = run(b.node.ingest(requestOf(source(folder, name, { records: 3 }))))
    await until(() => expect(phaseAt(b, name)).toBe("reading"))
    await run(took(b, { key: "kept", source: name, lines: things(2) }))
    const a = await cluster.join("a")
    await until(async () =>
      expect((await run(receiptOf(a, "kept", "demo", 0))).state).toBe("committed"),
    )
    await until(() => expect(spooled(cluster.folderOf("b"))).toEqual([]))
    expect(phaseAt(b, name)).toBe("waiting")
    await b.close()
    expect((await following).phase).toBe("interrupted")
  }, 90_000)

  it("is not judged here, where its bytes cannot be read", async () => {
    const cluster = new WriteCluster(temporaryFolder())
    const name = sourceOfNode("a", "b")
    const nodes = await Promise.all([cluster.join("a"), cluster.join("b")])
    await sharedOut(nodes)
    const [a, b] = nodes
    await until(() => expect(a.open.has(shardOfSource(name))).toBe(true))
    const judged: string[] = []
    const report = await run(
      b.node.ingest({
        ...requestOf({ source: name, format: "ndjson", file: "write:k" }),
        write: { path: "/nowhere/to/be/read", incarnation: "write:1:k" },
        watch: {
          seen: () => undefined,
          settle: ({ phase }) => Effect.sync(() => void judged.push(phase)),
        },
      }),
    )
    expect(report).toMatchObject({ phase: "failed", error: { _tag: "Unavailable" } })
    expect(judged).toEqual([])
  }, 60_000)
})

describe("a file that another node reads", () => {
  it("is skipped where it changed before that one came to it", async () => {
    const folder = temporaryFolder()
    const cluster = new WriteCluster(folder)
    const name = sourceOfNode("a", "b")
    const [a, b] = [await cluster.join("a"), await cluster.join("b")]
    await sharedOut([a, b])
    const request = requestOf(source(folder, name, { records: 3 }))
    const rewrite = (records: number) =>
      copyFileSync(source(folder, "other", { records }).file, request.file)
    expect(await run(a.node.ingest(request))).toMatchObject({ phase: "done" })
    rewrite(4)
    const following = run(b.node.ingest(request))
    await until(() => expect(phaseAt(b, name)).toBe("waiting"))
    rewrite(5)
    expect(await run(a.node.ingest(request))).toMatchObject({ phase: "done" })
    const { phase, counters } = await following
    expect([phase, counters]).toMatchObject(["skipped", { read: 5 }])
  }, 60_000)

  const runOf = (count: number) => ({ epoch: 1, count })
  const fileRead = (count: number) => ({
    run: runOf(count),
    contentHash: `file ${count}`,
    recipeDigest: "r",
  })
  const record = (count: number, state: RunState, of: Partial<RunRecord> = {}): RunRecord => ({
    ...fileRead(count),
    state,
    file: "f",
    position: { offset: 0, ordinal: 0 },
    ...of,
  })
  const aWrite = { contentHash: "write:1:h", fileRead: undefined }
  const cases: readonly (readonly [string, readonly (RunRecord | undefined)[], boolean])[] = [
    ["never read, then read", [undefined, record(1, "open"), record(1, "finished")], true],
    ["read before", [record(1, "finished"), record(1, "finished")], false],
    ["read before, then again", [record(1, "finished"), record(2, "finished")], true],
    ["being read, and read to its end", [record(1, "open"), record(1, "finished")], false],
    ["read before, then failed", [record(1, "finished"), record(2, "failed")], false],
    [
      "read before, then written to",
      [record(1, "finished"), record(2, "finished", { ...aWrite, fileRead: fileRead(1) })],
      false,
    ],
    [
      "read, then written to, between two looks",
      [record(1, "finished"), record(3, "finished", { ...aWrite, fileRead: fileRead(2) })],
      true,
    ],
    ["never read, and written to", [undefined, record(1, "finished", aWrite)], false],
  ]

  it.each(cases)("has been read since, or not: %s", (_, records, isRead) => {
    const job = { source: "s", format: "ndjson" as const, file: "f" }
    const seen = (again: "once" | "always") => {
      const world = { holderElsewhere: () => "a" }
      const follower = new Follower(world, requestOf({ ...job, again }), "demo/connector/s")
      return records.map((one) => follower.readSince(one) !== undefined)
    }
    expect(seen("once").at(-1)).toBe(isRead)
    expect(seen("once").slice(0, -1)).not.toContain(true)
    expect(seen("always")).not.toContain(true)
  })
})

describe("a reading by schedule", () => {
  it("is not followed by the node that began it, where the source goes to another", async () => {
    const folder = temporaryFolder()
    const cluster = new WriteCluster(folder)
    const name = sourceOfNode("a", "b")
    const b = await cluster.join("b", { reads: "nothing" })
    await until(() => expect(b.open.size).toBe(shardCount))
    const request = requestOf(source(folder, name, { records: 3 }))
    const schedule = everySchedule(1_000, "1s")
    await run(Effect.orDie(b.node.schedules?.begin([{ request, schedule }]) ?? Effect.void))
    await until(() => expect(phaseAt(b, name)).toBe("reading"))
    const a = await cluster.join("a")
    await until(() => expect(a.open.has(shardOfSource(name))).toBe(true))
    await until(() => expect(actorsOf(b.node.actors("demo"), "connector")).toEqual([]))
    expect(phaseAt(b, name)).toBe("interrupted")
  }, 90_000)
})
