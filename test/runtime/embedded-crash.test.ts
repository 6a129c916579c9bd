import { spawn } from "node:child_process"
import { once } from "node:events"
import { rmSync } from "node:fs"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { afterEach, expect, test } from "vitest"
import { shardOf } from "../../protocols/address.ts"
import { hashBlock } from "../../protocols/block.ts"
import { openDataDirectory, openEmbeddedLog, takeOver } from "../../runtime/index.ts"
import { makeFolder } from "../support/embedded-world.ts"
import { run } from "../support/run.ts"

const child = fileURLToPath(new URL("../support/log-writer-child.ts", import.meta.url))
const shards = Array.from({ length: 64 }, (_, shard) => shard)
const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** Lets a child write until it has said so many lines, and kills it at once. */
async function killAfter(lines: number, folder: string): Promise<string[]> {
  const started = spawn(process.execPath, [child, folder], { stdio: ["ignore", "pipe", "inherit"] })
  const exited = once(started, "exit")
  const said: string[] = []
  for await (const line of createInterface({ input: started.stdout })) {
    said.push(line)
    if (said.length === lines) started.kill("SIGKILL")
  }
  const [, signal] = await exited
  expect(signal).toBe("SIGKILL")
  return said
}

test("keeps every answered block through kill -9, and none acknowledged", async () => {
  const folder = makeFolder()
  folders.push(folder)
  const known = new Map<string, string>()
  const gone = new Set<string>()
  const maybeGone = new Set<string>()
  for (const lines of [40, 75, 120]) {
    for (const line of await killAfter(lines, folder)) {
      const [kind, partition, sequence, digest] = line.split(" ")
      const place = `${partition}/${sequence}`
      if (kind === "appended" && digest !== undefined) known.set(place, digest)
      if (kind === "acknowledging") maybeGone.add(place)
      if (kind === "acknowledged") gone.add(place)
    }
    const found = await run(Effect.scoped(blocksIn(folder)))
    for (const place of gone) expect(found.has(place)).toBe(false)
    for (const [place, digest] of known) {
      if (!maybeGone.has(place)) expect([place, found.get(place)]).toEqual([place, digest])
    }
  }
  expect(known.size).toBeGreaterThan(30)
})

/** Everything that the log delivers, by place, with its hash. */
const blocksIn = (folder: string) =>
  Effect.gen(function* () {
    const { log, state } = yield* openEmbeddedLog(yield* openDataDirectory(folder))
    const { owners, tails } = yield* takeOver({ log, state, sinks: [], shards })
    const found = new Map<string, string>()
    const waiting = new Set(
      tails
        .filter(({ pending }) => pending > 0)
        .map(({ tenant, partition }) => shardOf(tenant, partition)),
    )
    for (const owner of owners.filter(({ shard }) => waiting.has(shard))) {
      const pulled = yield* log.pull(owner, 2 ** 30)
      for (const { partition, sequence, block } of pulled) {
        found.set(`${partition}/${sequence}`, Buffer.from(hashBlock(block)).toString("hex"))
      }
    }
    const pending = tails.reduce((sum, tail) => sum + tail.pending, 0)
    expect(found.size).toBe(pending)
    return found
  })
