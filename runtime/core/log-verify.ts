/**
 * Checks every block that a log holds: its header, its records, the chain of its sender, and that
 * no sink is ahead of the log.
 *
 * A block may follow one that is gone: that one was handled. Then the log must know it, and where
 * it still has its hash, the block must follow that. What comes while the check runs is left out.
 */
import * as Effect from "effect/Effect"
import type { Partition } from "../../protocols/address.ts"
import { type BlockHeader, decodeBlock, hashBlock, noHash } from "../../protocols/block.ts"
import { verifyChainsHeldMax } from "../../protocols/limits.ts"
import type { LogBroken, Tail } from "./log.ts"
import {
  type KnownChain,
  type LogInspectionShape,
  type LogPlace,
  logBeginning,
  type StoredBlock,
} from "./log-inspection.ts"
import type { SinkCursor } from "./takeover.ts"

export interface LogDamage extends Partition {
  readonly sequence: number
  readonly message: string
}

export interface LogCheck {
  readonly partitions: number
  readonly blocks: number
  readonly bytes: number
  /** Chains of which a block was looked at. */
  readonly chains: number
  /** The first place that is not as it was written; nothing is looked at behind it. */
  readonly damage: LogDamage | undefined
}

/** `cursors` are how far sinks say that they have come, read before; `told` follows each page. */
export const verifyLog = (
  log: LogInspectionShape,
  cursors: readonly SinkCursor[],
  told: (check: LogCheck) => void,
): Effect.Effect<LogCheck, LogBroken> =>
  Effect.gen(function* () {
    const tails = new Map((yield* log.tails).map((tail) => [nameOf(tail), tail]))
    const chains = new ChainChecks(log)
    let check: LogCheck = {
      partitions: tails.size,
      blocks: 0,
      bytes: 0,
      chains: 0,
      damage: cursorAhead(cursors, tails),
    }
    let place: LogPlace = logBeginning
    while (check.damage === undefined) {
      const page = yield* log.blocks({}, place)
      place = page.place
      const known = page.blocks.filter((one) => isOf(tails, one))
      if (known.length === 0) break
      for (const one of known) {
        const message = yield* chains.check(one)
        const { tenant, partition, sequence, block } = one
        check = {
          ...check,
          blocks: check.blocks + 1,
          bytes: check.bytes + block.length,
          chains: chains.seen,
          damage: message === undefined ? undefined : { tenant, partition, sequence, message },
        }
        if (message !== undefined) break
      }
      told(check)
    }
    return check
  })

const nameOf = ({ tenant, partition }: Partition): string => `${tenant}/${partition}`

/** Came before the check began. */
const isOf = (tails: ReadonlyMap<string, Tail>, block: StoredBlock): boolean =>
  block.sequence <= (tails.get(nameOf(block))?.lastSequence ?? 0)

function cursorAhead(
  cursors: readonly SinkCursor[],
  tails: ReadonlyMap<string, Tail>,
): LogDamage | undefined {
  for (const cursor of cursors) {
    const last = tails.get(nameOf(cursor))?.lastSequence ?? 0
    if (cursor.sequence <= last) continue
    const message =
      `The graph has come to block ${cursor.sequence} of ${nameOf(cursor)}, and the log ends at ` +
      `${last}: its end is lost, or it is an older copy.`
    return { ...cursor, message }
  }
  return undefined
}

interface Last {
  readonly senderSequence: number
  readonly hash: Uint8Array
}

class ChainChecks {
  readonly #log: LogInspectionShape
  /** The block that was looked at last of each chain. */
  readonly #last = new Map<string, Last>()
  #seen = 0

  constructor(log: LogInspectionShape) {
    this.#log = log
  }

  get seen(): number {
    return this.#seen
  }

  /** What is wrong with the block. */
  check(stored: StoredBlock): Effect.Effect<string | undefined, LogBroken> {
    return Effect.gen({ self: this }, function* () {
      const own = hashBlock(stored.block)
      if (stored.hash !== undefined && !isSame(stored.hash, own)) {
        return `Block ${stored.sequence} is not what was stored.`
      }
      const header = headerOf(stored)
      if (typeof header === "string") return header
      const { sender, incarnation, senderSequence } = header
      const key = `${nameOf(stored)} ${incarnation.epoch}.${incarnation.start} ${sender}`
      const before = this.#last.get(key)
      if (before !== undefined && senderSequence === before.senderSequence) {
        return isSame(before.hash, own) ? undefined : otherBytes(header)
      }
      const { tenant, partition } = stored
      const asked = this.#log.chain({ tenant, partition, sender, incarnation })
      if (before !== undefined && senderSequence < before.senderSequence) {
        // A second copy, which its reader passes over.
        const link = linkOf(yield* asked, senderSequence)
        return link === undefined || isSame(link, own) ? undefined : otherBytes(header)
      }
      this.#keep(key, { senderSequence, hash: own })
      if (before !== undefined && senderSequence === before.senderSequence + 1) {
        return isSame(header.previousHash, before.hash) ? undefined : notFollowing(header)
      }
      const known = yield* asked
      return known === undefined ? undefined : beside(header, own, known)
    })
  }

  #keep(key: string, last: Last): void {
    if (this.#last.size >= verifyChainsHeldMax && !this.#last.has(key)) this.#last.clear()
    if (!this.#last.has(key)) this.#seen++
    this.#last.set(key, last)
  }
}

/** Of a block whose neighbour is gone: what the log knows of the chain speaks for it. */
function beside(header: BlockHeader, own: Uint8Array, known: KnownChain): string | undefined {
  const { senderSequence, sender, previousHash } = header
  if (senderSequence - 1 > known.newest) {
    return `Block ${senderSequence - 1} of ${sender} is lost: ${senderSequence} stands alone.`
  }
  const hashOf = (sequence: number) => (sequence === 0 ? noHash : linkOf(known, sequence))
  const [before, itself] = [hashOf(senderSequence - 1), hashOf(senderSequence)]
  if (itself !== undefined && !isSame(itself, own)) return otherBytes(header)
  return before === undefined || isSame(before, previousHash) ? undefined : notFollowing(header)
}

const linkOf = (known: KnownChain | undefined, senderSequence: number): Uint8Array | undefined =>
  known?.links.find((link) => link.senderSequence === senderSequence)?.hash

function headerOf({ block, sequence }: StoredBlock): BlockHeader | string {
  try {
    return decodeBlock(block).header
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return `Block ${sequence} cannot be read: ${why}`
  }
}

const otherBytes = ({ senderSequence, sender }: BlockHeader) =>
  `Block ${senderSequence} of ${sender} has other bytes than it had.`

const notFollowing = ({ senderSequence, sender }: BlockHeader) =>
  `Block ${senderSequence} of ${sender} does not follow its chain.`

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
