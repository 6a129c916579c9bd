import { describe, expect, it } from "vitest"
import { InvariantBroken, NotFound } from "../../protocols/errors.ts"
import { logLineLengthMax, logLinesPerSecondMax } from "../../protocols/limits.ts"
import type { LoggerOptions } from "../../runtime/index.ts"
import { logActorEvent, makeLogger } from "../../runtime/index.ts"

function logTo(options: LoggerOptions = {}) {
  const lines: string[] = []
  const clock = { millis: Date.UTC(2026, 0, 2, 3, 4, 5) }
  const logger = makeLogger({
    format: "json",
    write: (line) => lines.push(line),
    now: () => new Date(clock.millis),
    ...options,
  })
  return { logger, lines, clock, records: () => lines.map((line) => JSON.parse(line)) }
}

describe("the log", () => {
  it("writes one JSON object per line with time, level, message and fields", () => {
    const { logger, lines, records } = logTo()
    logger.info("node started", { port: 4000, message: "a field cannot replace the message" })
    expect(lines[0]?.endsWith("}\n")).toBe(true)
    expect(records()).toEqual([
      { time: "2026-01-02T03:04:05.000Z", level: "info", message: "node started", port: 4000 },
    ])
  })

  it("leaves out what is below its level", () => {
    const { logger, records } = logTo({ level: "warn" })
    logger.debug("a")
    logger.info("b")
    logger.warn("c")
    logger.error("d")
    expect(records().map(({ message }) => message)).toEqual(["c", "d"])
  })

  it("never writes what looks like a secret, by name or by its form", () => {
    const { logger, lines } = logTo()
    const token = "ig_k3y_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4"
    logger.info(`got ${token}`, {
      authorization: "Basic Zm9v",
      header: `Bearer ${token}`,
      nested: { password: "hunter2", list: [token] },
      error: new Error(`refused ${token}`),
    })
    const text = lines.join("")
    for (const secret of [token, "Zm9v", "hunter2"]) expect(text).not.toContain(secret)
    expect(text).toContain("[redacted]")
  })

  it("keeps a line within its bound", () => {
    const { logger, lines, records } = logTo()
    logger.info("x".repeat(logLineLengthMax * 2), { field: "y".repeat(logLineLengthMax * 2) })
    expect(lines[0]?.length).toBeLessThanOrEqual(logLineLengthMax)
    expect(records()[0].cut).toBe(true)
  })

  it("writes so many lines a second and tells in the next how many it left out", () => {
    const { logger, clock, records } = logTo()
    for (let i = 0; i < logLinesPerSecondMax + 7; i++) logger.info(`line ${i}`)
    expect(records()).toHaveLength(logLinesPerSecondMax)
    clock.millis += 1000
    logger.info("later")
    expect(records().slice(-2)).toMatchObject([
      { level: "warn", message: "7 log lines were left out." },
      { message: "later" },
    ])
  })

  it("tells an expected error by code and sentence, and a surprise with its stack", () => {
    const { logger, records } = logTo()
    logger.error("a", { error: new NotFound({ what: "x", message: "There is no x." }) })
    logger.error("b", { error: new InvariantBroken({ message: "one is two" }) })
    logger.error("c", { error: new TypeError("boom") })
    const [expected, broken, surprise] = records()
    expect(expected.error).toBe("NotFound: There is no x.")
    expect(broken.error).toContain("logger.test.ts")
    expect(surprise.error).toContain("TypeError: boom")
  })

  it("does not fail over a value that JSON cannot hold", () => {
    const { logger, records } = logTo()
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    logger.info("odd", { cycle, big: 2n ** 70n, call: () => 1, __proto__: { a: 1 } })
    expect(records()[0]).toMatchObject({ message: "odd", big: "1180591620717411303424" })
  })

  it("is one readable line for a person", () => {
    const { logger, lines } = logTo({ format: "pretty" })
    logger.warn("mailbox full", { tenant: "demo" })
    expect(lines).toEqual(['03:04:05.000 warn  mailbox full tenant="demo"\n'])
  })

  it("tells what happens to an actor by its address", () => {
    const { logger, records } = logTo()
    const address = { tenant: "demo", kind: "sink", key: "graph" }
    logActorEvent(logger)({ event: "restarting", address, delayMillis: 20, restarts: 1 })
    logActorEvent(logger)({ event: "quarantined", address })
    expect(records()).toMatchObject([
      { level: "info", message: "actor restarting", actor: "demo/sink/graph", delayMillis: 20 },
      { level: "warn", message: "actor quarantined", actor: "demo/sink/graph" },
    ])
  })
})
