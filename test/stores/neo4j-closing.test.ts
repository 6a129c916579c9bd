/** What of the adapter runs beside requests begins nothing once the store is closed. */
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest"
import { neo4jWatchMillis } from "../../protocols/limits.ts"
import { GuardLine } from "../../stores/adapters/neo4j/guard-line.ts"
import { Watching } from "../../stores/adapters/neo4j/watching.ts"
import { Neo4jWriter } from "../../stores/adapters/neo4j/writer.ts"
import type { Answer } from "../../stores/graph/write/wire.ts"

afterEach(() => void vi.useRealTimers())

class Looking extends Neo4jWriter {
  looks = 0

  override async endPassed(): Promise<void> {
    this.looks++
  }
}

/** Looks every millisecond; nobody listens at its address. */
function lineOf() {
  const address = { url: "bolt://127.0.0.1:1", user: "", password: "", database: "", store: "" }
  const writer = new Looking({ address, sender: "", retention: {}, counts: undefined })
  const answers: Answer[] = []
  const line = new GuardLine(writer, (answer) => void answers.push(answer), 1)
  onTestFinished(() => line.close())
  return { writer, line, answers }
}

describe("the line of guards", () => {
  it("looks for former owners while commits are under way, and not once it is closed", async () => {
    const [closed, open] = [lineOf(), lineOf()]
    for (const { line } of [closed, open]) line.clearWhile(() => true)
    await closed.line.close()
    await expect.poll(() => open.writer.looks).toBeGreaterThan(2)
    expect(closed.writer.looks).toBe(0)
    closed.line.clearWhile(() => true)
    const seen = open.writer.looks
    await expect.poll(() => open.writer.looks).toBeGreaterThan(seen + 2)
    expect(closed.writer.looks).toBe(0)
  })

  it("fails a guard that is asked for once it is closed", async () => {
    const { line, answers } = lineOf()
    await line.close()
    line.ask({ id: 7, kind: "guard", logId: "log", guards: [] })
    const failure = { tag: "Unavailable", message: "The graph store is closed." }
    expect(answers).toEqual([{ id: 7, kind: "failed", failure }])
  })
})

/** Looks last until they are let go on. */
function watchingOf() {
  vi.useFakeTimers()
  const looks: (() => void)[] = []
  const stands = () => new Promise<[]>((resolve) => void looks.push(() => resolve([])))
  return { looks, watching: new Watching({ sender: "own", stands, tell: () => undefined }) }
}

describe("watching", () => {
  it("looks no more once it is closed, also where it is closed during a look", async () => {
    const { looks, watching } = watchingOf()
    watching.watch("a tenant")
    await vi.advanceTimersByTimeAsync(neo4jWatchMillis)
    expect(looks).toHaveLength(1)
    watching.close()
    looks[0]?.()
    watching.watch("a tenant")
    await vi.advanceTimersByTimeAsync(3 * neo4jWatchMillis)
    expect(looks).toHaveLength(1)
  })

  it("looks once at a time, also where nobody watched for a moment during a look", async () => {
    const { looks, watching } = watchingOf()
    const stop = watching.watch("a tenant")
    await vi.advanceTimersByTimeAsync(neo4jWatchMillis)
    stop()
    watching.watch("a tenant")
    looks[0]?.()
    await vi.advanceTimersByTimeAsync(neo4jWatchMillis)
    expect(looks).toHaveLength(2)
    watching.close()
  })
})
