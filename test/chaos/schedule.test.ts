import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Fault, type Scheduled, scheduleOf } from "./schedule.ts"

const sizes = fc.record({
  seed: fc.nat(),
  events: fc.integer({ min: 1, max: 120 }),
  nodes: fc.integer({ min: 1, max: 5 }),
  servers: fc.constant(3),
  millis: fc.integer({ min: 1_000, max: 600_000 }),
})

const endOf = ({ atMillis, forMillis }: Scheduled) => atMillis + forMillis
const isOfServers = ({ fault }: Scheduled) =>
  fault.kind === "kill-server" || fault.kind === "cut-servers"
const nodeOf = (fault: Fault) => ("node" in fault ? fault.node : undefined)

describe("a schedule of faults", () => {
  it("is the same for the same seed and sizes, and another for another seed", () => {
    fc.assert(
      fc.property(sizes, (one) => {
        expect(scheduleOf(one)).toEqual(scheduleOf(one))
      }),
    )
    const all = { events: 60, nodes: 3, servers: 3, millis: 420_000 }
    expect(scheduleOf({ seed: 1, ...all })).not.toEqual(scheduleOf({ seed: 2, ...all }))
  })

  it("has as many events as were asked for, in the order of their time", () => {
    fc.assert(
      fc.property(sizes, (one) => {
        const schedule = scheduleOf(one)
        expect(schedule).toHaveLength(one.events)
        expect(schedule.map(({ atMillis }) => atMillis)).toEqual(
          schedule.map(({ atMillis }) => atMillis).sort((a, b) => a - b),
        )
      }),
    )
  })

  it("meets one server at a time, and none before the last has caught up", () => {
    fc.assert(
      fc.property(sizes, (one) => {
        const ofServers = scheduleOf(one).filter(isOfServers)
        for (const [at, next] of ofServers.entries()) {
          const before = ofServers[at - 1]
          if (before === undefined) continue
          expect(next.atMillis).toBeGreaterThanOrEqual(endOf(before) + 4_000)
        }
      }),
    )
  })

  it("meets no node twice at once, and leaves one of several alone at every moment", () => {
    fc.assert(
      fc.property(sizes, (one) => {
        const ofNodes = scheduleOf(one).filter(({ fault }) => nodeOf(fault) !== undefined)
        for (const { atMillis } of ofNodes) {
          const met = ofNodes
            .filter((other) => other.atMillis <= atMillis && endOf(other) > atMillis)
            .map(({ fault }) => nodeOf(fault))
          expect(new Set(met).size).toBe(met.length)
          if (one.nodes > 1) expect(met.length).toBeLessThan(one.nodes)
        }
      }),
    )
  })

  it("brings every kind of fault, and partitions of one direction among them", () => {
    const schedule = scheduleOf({ seed: 1, events: 60, nodes: 3, servers: 3, millis: 420_000 })
    expect(new Set(schedule.map(({ fault }) => fault.kind)).size).toBe(7)
    const ways = schedule.map(({ fault }) => ("way" in fault ? fault.way : undefined))
    expect(ways).toEqual(expect.arrayContaining(["both", "forth"]))
    expect(Math.max(...schedule.map(endOf))).toBeLessThan(480_000)
  })
})
