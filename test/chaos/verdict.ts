/** A thing that had to hold, or is a goal, and whether it did. */
export interface Verdict {
  readonly what: string
  readonly holds: boolean
  /** The machine has a part in it: where it does not hold, that is told, and nothing else. */
  readonly isGoal: boolean
  readonly figures: string
}

export const verdictOf = (what: string, holds: boolean, figures: string): Verdict => ({
  what,
  holds,
  isGoal: false,
  figures,
})

export const goalOf = (what: string, holds: boolean, figures: string): Verdict => ({
  ...verdictOf(what, holds, figures),
  isGoal: true,
})

export const allHold = (verdicts: readonly Verdict[]): boolean =>
  verdicts.every(({ holds, isGoal }) => holds || isGoal)

const lookMillis = 50

/** Waits for a condition; fails when it does not come in time. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  millisMax: number,
  what: string,
): Promise<void> {
  const end = performance.now() + millisMax
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited ${millisMax / 1_000} s for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, lookMillis))
  }
}
