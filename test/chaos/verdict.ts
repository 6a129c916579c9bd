/** A thing that had to hold, and whether it did. */
export interface Verdict {
  readonly what: string
  readonly holds: boolean
  readonly figures: string
}

export const verdictOf = (what: string, holds: boolean, figures: string): Verdict => ({
  what,
  holds,
  figures,
})

export const allHold = (verdicts: readonly Verdict[]): boolean =>
  verdicts.every(({ holds }) => holds)

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
