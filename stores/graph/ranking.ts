/** What a ranking refuses, whom it leaves out, and the order of its rows. */
import { Invalid, LimitExceeded } from "../../protocols/errors.ts"
import { rankEdgesScannedMax, rankStepsMax } from "../../protocols/limits.ts"
import { compareUtf8 } from "../../protocols/visible.ts"
import type { RankRequest, RankRow, VisibleEntity } from "./port.ts"

export function checkRanking({ steps, count }: RankRequest): void {
  if (steps.length < 1 || steps.length > rankStepsMax) {
    const message = `A ranking follows 1 to ${rankStepsMax} steps, not ${steps.length}.`
    throw new Invalid({ what: "steps", message })
  }
  if (!Number.isInteger(count) || count < 0 || count >= steps.length) {
    const message = `The step to count is 0 to ${steps.length - 1}, not ${count}.`
    throw new Invalid({ what: "count", message })
  }
}

/** Texts of which stored properties of a ranked entity have none. */
// As in `isRevoked`: in canonical JSON these characters are nothing else.
export const excludedTexts = ({ unless }: RankRequest): readonly string[] =>
  unless.map((name) => `${JSON.stringify(name)}:true`)

export const rankTooMany = (scanned: number) =>
  new LimitExceeded({
    limit: "rankEdgesScannedMax",
    bound: rankEdgesScannedMax,
    value: scanned,
    message: `The ranking followed more than ${rankEdgesScannedMax} relationships and gave up.`,
  })

/** Most first, ties by name, then key. */
export const byRank = (a: RankRow, b: RankRow): number =>
  b.count - a.count ||
  compareUtf8(nameOf(a.entity), nameOf(b.entity)) ||
  compareUtf8(a.entity.key, b.entity.key)

const nameOf = ({ properties, key }: VisibleEntity): string =>
  typeof properties.name === "string" ? properties.name : key
