import { describe, expect, it } from "vitest"
import { shardOf } from "../../protocols/address.ts"
import { FenceWatch } from "./fence-watch.ts"
import { type LeaseSeen, Leases, quantile } from "./leases.ts"
import { openingsIn, phasesOf } from "./phases.ts"

describe("a watch on fences", () => {
  const shard = shardOf("t", 0)
  const seen = (guard: number, sequence: number, epoch: number) => ({
    guards: [{ shard, epoch: guard }],
    cursors: [{ tenant: "t", partition: 0, sequence, epoch }],
  })

  it("is content with cursors that move under the epoch of their guard", () => {
    const watch = new FenceWatch()
    const looks = [seen(1, 3, 1), seen(2, 5, 1), seen(2, 5, 1), seen(2, 6, 2)]
    expect(looks.flatMap((one) => watch.graph(one))).toEqual([])
    expect(watch.looked.cursors).toBe(3)
  })

  it("tells of a cursor that moves under an epoch that its guard had passed", () => {
    const watch = new FenceWatch()
    watch.graph(seen(2, 5, 1))
    expect(watch.graph(seen(2, 6, 1))).toEqual([expect.stringMatching(/6 under 1, while .* at 2/)])
  })

  it("tells of cursors and guards that go back", () => {
    const watch = new FenceWatch()
    watch.graph(seen(2, 5, 2))
    expect(watch.graph(seen(2, 4, 2))).toEqual([expect.stringMatching(/went back/)])
    expect(watch.graph(seen(1, 4, 2))).toEqual([expect.stringMatching(/guard .* fell/)])
  })

  it("tells of state that was stored above an epoch's record and under the fence before", () => {
    const watch = new FenceWatch()
    const at = { shard: 1 }
    expect(watch.state({ ...at, sequence: 10, wrote: "epoch" })).toEqual([])
    expect(watch.state({ ...at, sequence: 11, wrote: { fence: 10 } })).toEqual([])
    expect(watch.state({ ...at, sequence: 12, wrote: "epoch" })).toEqual([])
    expect(watch.state({ ...at, sequence: 13, wrote: { fence: 10 } })).toHaveLength(1)
    expect(watch.state({ shard: 2, sequence: 14, wrote: { fence: 0 } })).toEqual([])
  })
})

describe("leases as they were heard", () => {
  const lease = (node: string, epoch: number, atMillis: number): LeaseSeen => ({
    kind: "lease",
    ...{ shard: 4, node, incarnation: "i1", epoch, atMillis },
  })

  it("tell how long a shard was without a new owner", () => {
    const leases = new Leases()
    leases.heard(lease("a", 1, 100))
    expect(leases.shardsOf("a")).toEqual([4])
    leases.heard(lease("a", 1, 1_100))
    leases.vacated({ kind: "vacant", shard: 4, atMillis: 3_900 })
    leases.heard(lease("b", 0, 4_000))
    leases.heard(lease("b", 0, 4_300))
    leases.heard(lease("b", 2, 4_500))
    expect(leases.shardsOf("a")).toEqual([])
    const times = { vacantMillis: 3_900, leasedMillis: 4_000, atMillis: 4_500 }
    expect(leases.takenFrom("a", [4], 1_000)).toMatchObject([times])
    expect(leases.takenFrom("a", [5], 1_000)).toEqual([])
    expect(leases.fallen).toEqual([])
  })

  it("leave aside a former owner that names itself once more", () => {
    const leases = new Leases()
    leases.heard(lease("a", 1, 100))
    leases.heard(lease("b", 2, 200))
    leases.heard(lease("a", 1, 300))
    expect([leases.fallen, leases.takeovers.length, leases.shardsOf("b")]).toEqual([[], 1, [4]])
  })

  it("tell of an owner whose epoch is not above the last one's", () => {
    const leases = new Leases()
    leases.heard(lease("a", 2, 100))
    leases.heard(lease("b", 2, 200))
    expect(leases.fallen).toHaveLength(1)
  })
})

describe("a quantile", () => {
  it("is the value that such a share stays below", () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i)
    expect([quantile(values, 0.5), quantile(values, 0.99), quantile([], 0.5)]).toEqual([
      51,
      100,
      undefined,
    ])
  })
})

describe("the phases of a takeover", () => {
  const line = {
    ...{ shard: 4, epoch: 2, time: new Date(5_000).toISOString(), message: "shard opened" },
    millis: { lease: 0, claim: 20, guard: 300 },
  }
  const taken = { shard: 4, from: "a/1", to: "b/1", epoch: 2, atMillis: 5_010 }

  it("add up to the time to the new owner", () => {
    const log = `Look at it\n${JSON.stringify(line)}\n`
    const one = { ...taken, vacantMillis: 4_000, leasedMillis: 4_100 }
    const phases = phasesOf([{ fromMillis: 1_500, taken: one }], openingsIn(log))
    expect(phases.map(({ phase, p50 }) => [phase, p50])).toEqual([
      ["the lease runs out", 2_500],
      ["the new owner has it", 100],
      ["it begins the takeover", 580],
      ["claim", 20],
      ["guard", 300],
      ["the register knows", 10],
    ])
    expect(phases.reduce((sum, { p50 }) => sum + p50, 0)).toBe(5_010 - 1_500)
  })
})
