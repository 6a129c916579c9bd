/**
 * Where the time until a shard has a new owner goes: from the times of the register, and from what
 * the nodes say of each takeover. All of them are of this machine's clock. Pure.
 */
import { quantile, type Takeover } from "./leases.ts"

/** What a node said of a shard that it opened. */
export interface Opening {
  readonly shard: number
  readonly epoch: number
  readonly atMillis: number
  /** By the steps of the takeover, in their order. */
  readonly millis: Readonly<Record<string, number>>
}

export interface PhaseMillis {
  readonly phase: string
  /** Shards of which it is known. */
  readonly count: number
  readonly min: number
  readonly p50: number
  readonly p99: number
}

/** Of a node's log. */
export const openingsIn = (log: string): readonly Opening[] =>
  log
    .split("\n")
    .filter((line) => line.includes('"shard opened"'))
    .flatMap((line) => {
      const { shard, epoch, millis, time } = JSON.parse(line)
      return millis === undefined ? [] : [{ shard, epoch, millis, atMillis: Date.parse(time) }]
    })

/** `fromMillis`: when the owner before was lost. */
export function phasesOf(
  lost: readonly { readonly fromMillis: number; readonly taken: Takeover }[],
  openings: readonly Opening[],
): readonly PhaseMillis[] {
  const said = new Map(openings.map((one) => [`${one.shard}/${one.epoch}`, one]))
  const phases = new Map<string, number[]>()
  for (const { fromMillis, taken } of lost) {
    const opening = said.get(`${taken.shard}/${taken.epoch}`)
    if (opening === undefined) continue
    for (const [phase, millis] of partsOf(fromMillis, taken, opening)) {
      phases.set(phase, [...(phases.get(phase) ?? []), millis])
    }
  }
  return [...phases].map(([phase, values]) => ({
    phase,
    count: values.length,
    min: Math.min(...values),
    p50: quantile(values, 0.5) ?? 0,
    p99: quantile(values, 0.99) ?? 0,
  }))
}

function partsOf(
  fromMillis: number,
  { vacantMillis, leasedMillis, atMillis }: Takeover,
  { millis, atMillis: openedMillis }: Opening,
): readonly (readonly [phase: string, millis: number])[] {
  const steps = Object.entries(millis).filter(([step]) => step !== "lease")
  const begunMillis = openedMillis - steps.reduce((sum, [, of]) => sum + of, 0)
  const until = vacantMillis ?? leasedMillis ?? begunMillis
  const leased = leasedMillis ?? until
  return [
    ["the lease runs out", until - fromMillis],
    ["the new owner has it", leased - until],
    ["it begins the takeover", begunMillis - leased],
    ...steps,
    ["the register knows", atMillis - openedMillis],
  ]
}
