/** What a node makes of sources that other nodes have: files are followed, writes are not. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { shardOfConnector } from "../../actors/partition.ts"
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
