/**
 * `kill -9` at every call of every port while writes are made, and at random while they are read:
 * what was acknowledged is there after the next start, once, and its receipt is the one of a node
 * that nobody disturbed.
 */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { CallPoint } from "../support/faults.ts"
import type { WriteChildRequest } from "../support/write-child.ts"
import { things, type Written } from "../support/writes.ts"

const childFile = fileURLToPath(new URL("../support/write-child.ts", import.meta.url))

interface Ended {
  readonly receipts: readonly { readonly [name: string]: unknown }[]
  readonly hash: string
  readonly sources: readonly { readonly source: string; readonly counters: object }[]
  readonly broken: readonly string[]
  readonly left: readonly string[]
  readonly calls: Readonly<Record<string, number>>
}

let folder = ""
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "intelgraph-kill-writes-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const newPath = (name: string) => join(folder, name)

/** Three of one source, the last two with the same bytes; one of another; a retraction. */
const fewWrites = (count: number): readonly Written[] => [
  { key: "first", lines: [...things(count), { broken: true }] },
  { key: "second", lines: things(count, "other words") },
  { key: "again", lines: things(count, "other words") },
  { key: "elsewhere", source: "elsewhere", lines: things(count, "elsewhere") },
  {
    key: "back",
    format: "retract",
    lines: things(10)
      .map(({ id }) => id)
      .concat("unknown"),
  },
]

describe("a node that is killed while it takes and reads writes", () => {
  it("ends as an undisturbed one, killed before or after any call of any port", async () => {
    const writes = fewWrites(300)
    const whole = await runChild({ path: newPath("whole"), writes, took: [] })
    expect(whole.done?.receipts.map(({ state }) => state)).toEqual(Array(5).fill("committed"))
    const points = pointsOf(whole.done?.calls ?? {})
    const total = points.length
    let killed = 0
    const worker = async () => {
      for (let point = points.pop(); point !== undefined; point = points.pop()) {
        const path = newPath(`${point.port}-${point.method}-${point.when}-${point.call}`)
        const first = await runChild({ path, writes, took: [], kill: point })
        if (first.done === undefined) killed++
        const again = await runChild({ path, writes, took: first.took })
        expectSame(again.done, whole.done, JSON.stringify(point))
        rmSync(path, { recursive: true, force: true })
      }
    }
    await Promise.all([worker(), worker()])
    // The number of a late call differs from run to run; most points must have been reached.
    expect(killed).toBeGreaterThan(total / 2)
  }, 400_000)

  it("ends as an undisturbed one, killed over and over while they are read", async () => {
    const writes = fewWrites(6_000)
    const whole = await runChild({ path: newPath("read-whole"), writes, took: [] })
    const path = newPath("read-killed")
    let took: readonly string[] = []
    let kills = 0
    for (let after = 1; kills < 12; after = (after % 4) + 1) {
      const outcome = await runChild({ path, writes, took }, after)
      took = [...took, ...outcome.took]
      if (outcome.done !== undefined) break
      kills++
    }
    expect(kills).toBeGreaterThan(5)
    const last = await runChild({ path, writes, took })
    expectSame(last.done, whole.done, "read")
  }, 240_000)
})

/** Before and after the first, the middle and the last call of each method. */
function pointsOf(calls: Readonly<Record<string, number>>): CallPoint[] {
  return Object.entries(calls).flatMap(([name, count]) => {
    const [port = "", method = ""] = name.split(".")
    const numbers = new Set([1, Math.ceil(count / 2), count])
    const whens = ["before", "after"] as const
    return [...numbers].flatMap((call) => whens.map((when) => ({ port, method, when, call })))
  })
}

function expectSame(ended: Ended | undefined, whole: Ended | undefined, where: string): void {
  expect(ended, `${where} did not come to its end`).toBeDefined()
  expect(ended?.hash, `${where} graph hash`).toBe(whole?.hash)
  expect(plain(ended), where).toEqual(plain(whole))
}

/** `replayed` stands outside the equation: it counts what crashes made necessary. */
const plain = (ended: Ended | undefined) => ({
  receipts: ended?.receipts.map((receipt) => ({ ...receipt, replayed: 0 })),
  sources: ended?.sources.map(({ source, counters }) => ({ source, ...counters, replayed: 0 })),
  broken: ended?.broken,
  left: ended?.left,
})

function runChild(request: WriteChildRequest, killAfterCommits = Number.POSITIVE_INFINITY) {
  // A command line would be too short for it.
  const file = `${request.path}.request.json`
  writeFileSync(file, JSON.stringify(request))
  const child = spawn(process.execPath, [childFile, file], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_COMPILE_CACHE: newPath("compile-cache") },
  })
  const took: string[] = []
  let done: Ended | undefined
  let complaint = ""
  child.stderr.on("data", (text: Buffer) => {
    complaint += text.toString()
  })
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [word, rest = ""] = [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]
    if (word === "done") done = JSON.parse(rest) as Ended
    if (word === "took") took.push(rest)
    if (word === "committed" && Number(rest) >= killAfterCommits) child.kill("SIGKILL")
  })
  return new Promise<{ done: Ended | undefined; took: readonly string[] }>((resolve, reject) => {
    child.on("close", (code, signal) => {
      if (signal === "SIGKILL" || code === 0) resolve({ done, took })
      else reject(new Error(`The child ended with ${code ?? signal}: ${complaint}`))
    })
  })
}
