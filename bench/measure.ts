/** How benchmarks are measured: ratios against a peer, or a limit, in the same run. */

export interface Figure {
  readonly name: string
  readonly ours: number
  readonly peer: number
  /** `limit` where there is a ceiling instead of a peer. */
  readonly peerName: string
  /**
   * Better is greater: ours/peer for rates, limit/ours for ceilings. With a peer it is the median
   * of the rounds' ratios, since what else the machine does slows both of a round.
   */
  readonly ratio: number
  readonly unit: string
  readonly goal: number
  /** How it came to be, where that is more than two rates: options, rounds. */
  readonly detail?: Readonly<Record<string, unknown>>
}

export const verdictOf = ({ ratio, goal }: Figure): "ok" | "below goal" =>
  ratio >= goal ? "ok" : "below goal"

export type Bench = () => Promise<readonly Figure[]>

/** Two contestants; each function runs once and answers a rate. */
export interface Contest {
  readonly name: string
  readonly unit: string
  readonly goal: number
  readonly peerName: string
  readonly ours: () => Promise<number>
  readonly peer: () => Promise<number>
}

const rounds = 5

/** Median of five rounds each, after one to warm up; who goes first alternates. */
export async function compare(contest: Contest): Promise<Figure> {
  const ours: number[] = []
  const peer: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const turns = [
      async () => void ours.push(await contest.ours()),
      async () => void peer.push(await contest.peer()),
    ]
    if (round % 2 === 1) turns.reverse()
    for (const turn of turns) await turn()
  }
  const ratios = ours.map((rate, round) => rate / (peer[round] ?? Number.NaN))
  const [a, b, ratio] = [ours, peer, ratios].map((values) => median(values.slice(1)))
  const { name, unit, goal, peerName } = contest
  return { name, ours: a ?? 0, peer: b ?? 0, peerName, ratio: ratio ?? 0, unit, goal }
}

/** A figure that must stay below a limit. */
export const ceiling = (name: string, ours: number, limit: number, unit: string): Figure => ({
  name,
  ours,
  peer: limit,
  peerName: "limit",
  ratio: limit / ours,
  unit,
  goal: 1,
})

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** Million a second from a count and a duration. */
export const millionsPerSecond = (count: number, millis: number): number => count / millis / 1000

/** The host's other work, and ours that was put off, gets its turn. */
export const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
