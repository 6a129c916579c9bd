/**
 * `kill -9` at random and at every call of every port, then a start over what is left: the graph,
 * the counters and the equations must be those of a run that nobody disturbed (contracts §4, §7).
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { brokenSourceEquation } from "../../protocols/counters.ts"
import {
  blockEventsMax,
  partitionMailboxBlocksMax,
  partitionsDefault,
} from "../../protocols/limits.ts"
import type { Job } from "../support/embedded-node.ts"
import type { CallPoint } from "../support/faults.ts"
import type { ChildRequest } from "../support/ingest-child.ts"

const childFile = fileURLToPath(new URL("../support/ingest-child.ts", import.meta.url))
const kills = 20

interface Ended {
  readonly hash: string
  readonly sources: readonly { source: string; counters: Record<string, number> }[]
  readonly tails: readonly { pending: number }[]
  readonly broken: readonly string[]
  readonly calls: Readonly<Record<string, number>>
}

/** How a child ended: `done` where it came to its end, and the commits that it told of. */
interface Outcome {
  readonly done: Ended | undefined
  readonly committed: number
}

let folder = ""
const newPath = (name: string) => join(folder, name)
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "intelgraph-kill-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe("a node that is killed while four connectors ingest", () => {
  it("ends with the graph and counters of an undisturbed run after 20 kills", async () => {
    const jobs = makeSources("many", 16_000)
    const whole = await runChild({ path: newPath("whole"), jobs })
    const total = whole.committed
    expect(total).toBeGreaterThan(3 * kills)

    const path = newPath("killed")
    let before = 0
    for (let kill = 0; kill < kills; kill++) {
      // One block at least, and enough left for the kills to come.
      const share = Math.floor((total - before) / (kills - kill + 1))
      const after = 1 + ((Math.imul(kill + 1, 0x9e3779b1) >>> 0) % Math.max(1, share))
      const outcome = await runChild({ path, jobs }, { killAfterCommitted: after })
      expect(outcome.done, `kill ${kill} came after the end`).toBeUndefined()
      expect(outcome.committed).toBeGreaterThanOrEqual(1)
      before += outcome.committed
      expect(before).toBeLessThan(total)
    }
    const last = await runChild({ path, jobs })
    expectSame(last.done, whole.done)
    const inFlight = partitionsDefault * (partitionMailboxBlocksMax + 2) * blockEventsMax
    for (const { counters } of last.done?.sources ?? []) {
      expect(counters.replayed ?? 0).toBeLessThan(kills * inFlight)
    }
  }, 240_000)

  it("ends the same when it kills itself before or after any call of any port", async () => {
    const jobs = makeSources("few", 900)
    const whole = await runChild({ path: newPath("undisturbed"), jobs })
    const points = [...pointsOf(whole.done?.calls ?? {})]
    let killed = 0
    const worker = async () => {
      for (let point = points.pop(); point !== undefined; point = points.pop()) {
        const path = newPath(`${point.port}-${point.method}-${point.when}-${point.call}`)
        const first = await runChild({ path, jobs, kill: point })
        if (first.done === undefined) killed++
        const again = first.done === undefined ? await runChild({ path, jobs }) : first
        expectSame(again.done, whole.done, JSON.stringify(point))
        rmSync(path, { recursive: true, force: true })
      }
    }
    const total = points.length
    await Promise.all([worker(), worker()])
    // The number of a late call differs from run to run; most points must have been reached.
    expect(killed).toBeGreaterThan(total / 2)
  }, 400_000)
})

/** Before and after the first, the middle and the last call of each method. */
function pointsOf(calls: Readonly<Record<string, number>>): readonly CallPoint[] {
  return Object.entries(calls).flatMap(([name, count]) => {
    const [port = "", method = ""] = name.split(".")
    const numbers = new Set([1, Math.ceil(count / 2), count])
    const whens = ["before", "after"] as const
    return [...numbers].flatMap((call) => whens.map((when) => ({ port, method, when, call })))
  })
}

function expectSame(ended: Ended | undefined, whole: Ended | undefined, where = ""): void {
  expect(ended, `${where} did not come to its end`).toBeDefined()
  expect(ended?.hash, `${where} graph hash`).toBe(whole?.hash)
  expect(countersOf(ended), `${where} counters`).toEqual(countersOf(whole))
  expect(ended?.broken, where).toEqual([])
  expect(
    ended?.tails.every((tail) => tail.pending === 0),
    `${where} pending`,
  ).toBe(true)
  for (const { counters } of ended?.sources ?? []) {
    expect(brokenSourceEquation(counters as never), where).toBeUndefined()
  }
}

/** `replayed` stands outside the equation: it counts what crashes made necessary. */
const countersOf = (ended: Ended | undefined) =>
  ended?.sources.map(({ source, counters }) => ({ source, ...counters, replayed: 0 }))

/** Four sources about the same things, with bad records, duplicates and links among them. */
function makeSources(name: string, records: number): readonly Job[] {
  return ["a", "b", "c", "d"].map((source, s) => {
    const lines = Array.from({ length: records / 2 }, (_, n) => {
      if (n % 211 === 7) return `{"id": "broken ${n}`
      const id = `CVE-2024-${(n * (s + 1)) % 3000}`
      const of = `product ${(n * 7) % 90}`
      const modified = `2024-01-${String(1 + (n % 28)).padStart(2, "0")}`
      return JSON.stringify({ id, of, modified, said: `${source} says ${n % 5}` })
    })
    const file = newPath(`${name}-${source}.ndjson`)
    writeFileSync(file, `${lines.join("\n")}\n`)
    return { source, format: "ndjson", file, mapping: mappingYaml, maxBadShare: 0.5 }
  })
}

const mappingYaml = `version: 1
record: {key: $.id, version: $.modified}
entities:
  - {type: vulnerability, key: $.id, properties: {said: $.said}}
relationships:
  - {type: affects, from: {type: vulnerability, key: $.id}, to: {type: product, key: $.of}}
`

function runChild(
  request: ChildRequest,
  options: { readonly killAfterCommitted?: number } = {},
): Promise<Outcome> {
  const child: ChildProcess = spawn(process.execPath, [childFile, JSON.stringify(request)], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_COMPILE_CACHE: newPath("compile-cache") },
  })
  let committed = 0
  let done: Ended | undefined
  let complaint = ""
  child.stderr?.on("data", (text: Buffer) => {
    complaint += text.toString()
  })
  if (child.stdout === null) throw new Error("The child has no output.")
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [word, rest = ""] = [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]
    if (word === "done") done = JSON.parse(rest) as Ended
    if (word !== "committed") return
    committed = Number(rest)
    if (committed >= (options.killAfterCommitted ?? Number.POSITIVE_INFINITY)) child.kill("SIGKILL")
  })
  return new Promise((resolve, reject) => {
    child.on("close", (code, signal) => {
      if (signal === "SIGKILL" || code === 0) resolve({ done, committed })
      else reject(new Error(`The child ended with ${code ?? signal}: ${complaint}`))
    })
  })
}
