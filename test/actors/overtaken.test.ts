/** What a source remembers of writes that later runs overtook. */
import { describe, expect, it } from "vitest"
import { OvertakenRun, overtakenBy, withOvertaken } from "../../actors/overtaken.ts"
import { decodeRun, encodeRun, type RunRecord } from "../../actors/run-record.ts"
import { noSourceCounters } from "../../protocols/counters.ts"
import { overtakenRunsMax } from "../../protocols/limits.ts"

const recipeDigest = "cd".repeat(32)
const hashOf = (n: number) => `write:${n}:${"ab".repeat(32)}`
const write = (n: number, of: Partial<RunRecord> = {}): RunRecord => ({
  run: { epoch: 1, count: n },
  state: "open",
  file: `write:${n}`,
  contentHash: hashOf(n),
  recipeDigest,
  position: { offset: 0, ordinal: 0 },
  ...of,
})

/** After this many writes, none of which was read to its end. */
const afterOpen = (count: number): RunRecord => {
  let record = write(1)
  for (let n = 2; n <= count; n++) record = write(n, { overtaken: overtakenBy(record) })
  return decodeRun(encodeRun(record))
}

describe("a source whose run is overtaken", () => {
  it("remembers a write that was not read to its end, and nothing else", () => {
    const remembered = [{ run: { epoch: 1, count: 7 }, contentHash: hashOf(7), recipeDigest }]
    expect(overtakenBy(write(7))).toEqual(remembered)
    expect(overtakenBy(write(8, { state: "finished", overtaken: remembered }))).toEqual(remembered)
    // The same file, or the same dead letters, may come again and mean another reading.
    for (const contentHash of ["ab".repeat(32), `write:redrive:${"ab".repeat(32)}`]) {
      expect(overtakenBy(write(7, { contentHash }))).toEqual([])
    }
    expect(overtakenBy(undefined)).toBeUndefined()
  })

  it("forgets the oldest where there are too many", () => {
    const record = afterOpen(overtakenRunsMax + 2)
    expect(record.overtaken).toHaveLength(overtakenRunsMax)
    const found = (n: number) => OvertakenRun.of(record, { contentHash: hashOf(n), recipeDigest })
    expect(found(1)).toBeUndefined()
    expect(found(2)?.run).toEqual({ epoch: 1, count: 2 })
  })

  it("keeps the record of its newest run while the other goes on, and forgets it then", () => {
    const record = afterOpen(3)
    const late = OvertakenRun.of(record, { contentHash: hashOf(1), recipeDigest })
    expect(late?.recordAs("open")).toEqual(record)
    expect(late?.recordAs("finished")).toEqual({ ...record, overtaken: [record.overtaken?.[0]] })
  })

  it("goes on with the same bytes by the same recipe alone", () => {
    const other = { contentHash: hashOf(1), recipeDigest: "ef".repeat(32) }
    expect(OvertakenRun.of(afterOpen(3), other)).toBeUndefined()
  })
})

describe("a run that was overtaken", () => {
  const at = (partition: number, sequence: number) => ({
    tenant: "demo",
    epoch: 1,
    partition,
    sequence,
  })

  it("is through when the store has committed the last that was sent to each partition", () => {
    const late = OvertakenRun.of(afterOpen(2), { contentHash: hashOf(1), recipeDigest })
    for (const [partition, sequence] of [
      [0, 5],
      [3, 9],
      [0, 7],
    ] as const) {
      late?.sent(partition, sequence)
    }
    expect(late?.isCovered([at(0, 7)])).toBe(false)
    expect(late?.isCovered([at(0, 6), at(3, 12)])).toBe(false)
    expect(late?.isCovered([at(0, 7), at(3, 9)])).toBe(true)
  })

  it("counts what is missing then as older than what stands", () => {
    const counters = { ...noSourceCounters, read: 3, accepted: 2, duplicates: 1, replayed: 4 }
    const whole = { ...counters, read: 5, duplicates: 3, stale: 2 }
    expect(withOvertaken(counters, 5)).toEqual(whole)
    expect(withOvertaken(whole, 5)).toEqual(whole)
  })
})
