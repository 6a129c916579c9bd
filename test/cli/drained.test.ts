/** When a node that was told to drain ends, and what it says then. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { openSpool } from "../../actors/index.ts"
import { sourceOf } from "../../actors/write/between.ts"
import { drained } from "../../cli/drained.ts"
import { shardOfAddress } from "../../protocols/address.ts"
import { shareOut } from "../../runtime/index.ts"
import { placementThatShows, viewOfShares } from "../support/cluster-members.ts"
import { run } from "../support/run.ts"
import { runScoped, temporaryFolder } from "../support/scoped.ts"
import { sharedOut, until, WriteCluster } from "../support/write-cluster.ts"
import { receiptOf, spooled, things, took } from "../support/writes.ts"

const told = () => {
  const lines: string[] = []
  return { lines, io: { tell: (line: string) => void lines.push(line) } }
}

const owners = shareOut(["a", "b"].map((node) => ({ node, weight: 1 })))
const sourcesOfB = Array.from({ length: 200 }, (_, n) => `s${n}`).filter(
  (name) => owners[shardOfAddress(sourceOf("demo", name))] === "b",
)

describe("a node that was told to drain", () => {
  it("ends when others have the writes that it took", async () => {
    const cluster = new WriteCluster(temporaryFolder())
    const [a, b] = [await cluster.join("a"), await cluster.join("b", { reads: "nothing" })]
    await sharedOut([a, b])
    const keys = sourcesOfB.slice(0, 8)
    for (const name of keys) await run(took(b, { key: name, source: name, lines: things(1) }))
    expect(spooled(cluster.folderOf("b"))).toHaveLength(keys.length)
    const { lines, io } = told()
    const ended = run(drained(b, io))
    b.node.placement?.order("drain")
    expect(await ended).toBe(0)
    expect(spooled(cluster.folderOf("b"))).toEqual([])
    expect(lines).toEqual(["intelgraph: Drained: others have what this node had. It ends."])
    for (const key of keys) {
      await until(async () =>
        expect((await run(receiptOf(a, key, "demo", 0))).state).toBe("committed"),
      )
    }
  }, 90_000)

  it("fails and says so where nobody takes them", async () => {
    const spool = await runScoped(openSpool(join(temporaryFolder(), "spool")))
    const keep = (number: number) =>
      Effect.scoped(
        Effect.flatMap(spool.receive("demo"), (arriving) =>
          Effect.andThen(arriving.append(Buffer.from("{}\n")), arriving.keep(number)),
        ),
      )
    await run(keep(1))
    const { lines, io } = told()
    const placement = {
      ...placementThatShows(() => viewOfShares("a", ["a"])),
      left: Effect.void,
    }
    const one = { node: { placement }, ports: { spool } }
    expect(await run(drained(one, io, 20))).toBe(1)
    await run(keep(2))
    expect(await run(drained(one, io, 20))).toBe(1)
    expect(lines.map((line) => /\d writes?/.exec(line)?.[0] ?? line)).toEqual([
      "1 write",
      "Their bytes are in spool/ of its data directory; they go on when it starts anew.",
      "2 writes",
      "Their bytes are in spool/ of its data directory; they go on when it starts anew.",
    ])
  })
})
