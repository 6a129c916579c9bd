/**
 * What is counted, and the equations that must always hold (contracts §4):
 *
 *     source:   read     = accepted + duplicates + refused + deadLettered
 *     mailbox:  offered  = admitted + refused
 *               admitted = handled + deadLettered + expired + shed + pending
 *               pending  = queued + stashed + parked + inTurn
 *
 * `stale` is a part of `duplicates`; `replayed` (sent again after a crash) stands outside.
 */
export interface SourceCounters {
  readonly read: number
  readonly accepted: number
  readonly duplicates: number
  readonly stale: number
  readonly replayed: number
  readonly refused: number
  readonly deadLettered: number
}

export const noSourceCounters: SourceCounters = {
  read: 0,
  accepted: 0,
  duplicates: 0,
  stale: 0,
  replayed: 0,
  refused: 0,
  deadLettered: 0,
}

export function addSourceCounters(a: SourceCounters, b: SourceCounters): SourceCounters {
  return {
    read: a.read + b.read,
    accepted: a.accepted + b.accepted,
    duplicates: a.duplicates + b.duplicates,
    stale: a.stale + b.stale,
    replayed: a.replayed + b.replayed,
    refused: a.refused + b.refused,
    deadLettered: a.deadLettered + b.deadLettered,
  }
}

/** The equation that does not hold, as a sentence; `undefined` where all hold. */
export function brokenSourceEquation(c: SourceCounters): string | undefined {
  const sum = c.accepted + c.duplicates + c.refused + c.deadLettered
  if (c.read !== sum)
    return `read ${c.read} ≠ accepted + duplicates + refused + deadLettered ${sum}`
  if (c.stale > c.duplicates) return `stale ${c.stale} > duplicates ${c.duplicates}`
  return undefined
}

export interface MailboxCounters {
  readonly offered: number
  readonly admitted: number
  readonly refused: number
  readonly handled: number
  readonly deadLettered: number
  readonly expired: number
  readonly shed: number
  readonly queued: number
  readonly stashed: number
  readonly parked: number
  readonly inTurn: number
}

export const pendingOf = (c: MailboxCounters): number => c.queued + c.stashed + c.parked + c.inTurn

/** The equation that does not hold, as a sentence; `undefined` where all hold. */
export function brokenMailboxEquation(c: MailboxCounters): string | undefined {
  if (c.offered !== c.admitted + c.refused) {
    return `offered ${c.offered} ≠ admitted ${c.admitted} + refused ${c.refused}`
  }
  const sum = c.handled + c.deadLettered + c.expired + c.shed + pendingOf(c)
  if (c.admitted !== sum) {
    return `admitted ${c.admitted} ≠ handled + deadLettered + expired + shed + pending ${sum}`
  }
  return undefined
}
