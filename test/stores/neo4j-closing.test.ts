/** What of the adapter runs beside requests begins nothing once the store is closed. */
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest"
import { neo4jWatchMillis } from "../../protocols/limits.ts"
import { GuardLine } from "../../stores/adapters/neo4j/guard-line.ts"
import { Watching } from "../../stores/adapters/neo4j/watching.ts"
import { Neo4jWriter } from "../../stores/adapters/neo4j/writer.ts"

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
  const line = new GuardLine(writer, () => undefined, 1)
  onTestFinished(() => line.close())
  return { writer, line }
}

describe("the line of guards", () => {
  it("looks for former owners while commits are under way, and not once it is closed", async () => {
    const [closed, open] = [lineOf(), lineOf()]
    for (const { line } of [closed, open]) line.clearWhile(() => true)
    await closed.line.close()
    await vi.waitFor(() => expect(open.writer.looks).toBeGreaterThan(2))
    expect(closed.writer.looks).toBe(0)
    closed.line.clearWhile(() => true)
    const seen = open.writer.looks
    await vi.waitFor(() => expect(open.writer.looks).toBeGreaterThan(seen + 2))
    expect(closed.writer.looks).toBe(0)
  })
})

describe("watching", () => {
  it("looks no more where it is closed during a look", async () => {
    vi.useFakeTimers()
    const looks: (() => void)[] = []
    const stands = () => new Promise<[]>((resolve) => void looks.push(() => resolve([])))
    const watching = new Watching({ sender: "own", stands, tell: () => undefined })
    watching.watch("a tenant")
    await vi.advanceTimersByTimeAsync(neo4jWatchMillis)
    expect(looks).toHaveLength(1)
    watching.close()
    looks[0]?.()
    await vi.advanceTimersByTimeAsync(3 * neo4jWatchMillis)
    expect(looks).toHaveLength(1)
  })

  it("goes on looking for who watches after that", async () => {
    vi.useFakeTimers()
    let looks = 0
    const stands = async () => {
      looks++
      return []
    }
    const watching = new Watching({ sender: "own", stands, tell: () => undefined })
    watching.watch("a tenant")()
    watching.watch("a tenant")
    await vi.advanceTimersByTimeAsync(3 * neo4jWatchMillis)
    expect(looks).toBe(3)
    watching.close()
  })
})
