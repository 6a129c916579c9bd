import { describe, expect, test } from "vitest"
import {
  forgottenMillisMax,
  joinDebounceMillis,
  joinDebounceMillisMax,
} from "../../protocols/limits.ts"
import { Members } from "../../runtime/core/placement-members.ts"
import type { NodeEntry } from "../../runtime/index.ts"

const entry = (node: string): NodeEntry => ({
  kind: "node",
  node,
  incarnation: "i1",
  weight: 1,
  standing: "serves",
})

/** One that was here, and one that came at 1,000. */
function met() {
  const members = new Members()
  members.found("old", { ...entry("old"), standing: "troubled" }, 0)
  members.found("new", entry("new"), 1_000)
  return members
}

describe("nodes that have come", () => {
  test("count together once it has been quiet", () => {
    const members = met()
    members.found("other", entry("other"), 1_500)
    expect(members.settlesAtMillis).toBe(1_500 + joinDebounceMillis)
    members.settle(1_500 + joinDebounceMillis)
    expect([members.counts("new"), members.counts("other")]).toEqual([true, true])
  })

  test("count as soon as they have been here long enough where one vanishes", () => {
    const members = met()
    members.found("old", undefined, 1_250)
    expect(members.settlesAtMillis).toBe(1_000 + forgottenMillisMax)
    expect(members.leftAtMillis).toBe(1_250)
  })

  test("count at once where they have been here long enough when one vanishes", () => {
    const members = met()
    members.found("old", undefined, 1_000 + forgottenMillisMax + 1)
    expect(members.settlesAtMillis).toBe(1_000 + forgottenMillisMax + 1)
  })

  test("wait no longer for one that comes after one has vanished", () => {
    const members = met()
    members.found("old", undefined, 1_250)
    members.found("other", entry("other"), 1_400)
    expect(members.settlesAtMillis).toBe(1_400 + forgottenMillisMax)
    members.settle(1_400 + forgottenMillisMax)
    expect([members.counts("new"), members.counts("other")]).toEqual([true, true])
  })

  test("do not wait for ever for those that keep coming after one has vanished", () => {
    const members = met()
    members.found("old", undefined, 1_250)
    for (let at = 1_400; at < 1_000 + joinDebounceMillisMax; at += 200) {
      members.found(`n${at}`, entry(`n${at}`), at)
    }
    expect(members.settlesAtMillis).toBe(1_000 + joinDebounceMillisMax)
  })

  test("wait as ever once those count that were orphaned", () => {
    const members = met()
    members.found("old", undefined, 1_250)
    members.settle(1_000 + forgottenMillisMax)
    members.found("other", entry("other"), 2_000)
    expect(members.settlesAtMillis).toBe(2_000 + joinDebounceMillis)
  })

  test("wait as ever where one vanishes beside others that count", () => {
    const members = met()
    members.settle(1_000 + joinDebounceMillis)
    members.found("other", entry("other"), 4_000)
    members.found("old", undefined, 4_100)
    expect(members.settlesAtMillis).toBe(4_000 + joinDebounceMillis)
  })

  test("wait as ever where all that were here vanish, and come again", () => {
    const members = met()
    members.found("old", undefined, 1_250)
    members.found("new", undefined, 1_300)
    members.found("new", entry("new"), 1_400)
    expect(members.settlesAtMillis).toBe(1_400 + joinDebounceMillis)
  })
})
