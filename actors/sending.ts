/**
 * Offers the sealed blocks of a connector to the log: the same bytes until it answers (contracts
 * §6). A block that is refused, or of which nothing is known, is offered again, the later the
 * oftener that was so, and at once where a refusing mailbox has room again.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { shardOf } from "../protocols/address.ts"
import type { IntelGraphError } from "../protocols/errors.ts"
import { retryMillisMax, retryMillisMin } from "../protocols/limits.ts"
import type { Host, Receipt } from "../runtime/index.ts"
import type { ConnectorBoard } from "./connector-board.ts"
import type { Steps } from "./connector-steps.ts"
import type { Sealed } from "./outbox.ts"
import { errorOf } from "./shard.ts"
import type { World } from "./world.ts"

export interface SendingSettings {
  readonly world: World
  readonly tenant: string
  /** The connector's name. */
  readonly sender: string
  readonly board: ConnectorBoard
  readonly host: Host
  readonly steps: Steps
  /** The log has it, at this place of its partition. */
  readonly admitted: (partition: number, sequence: number) => void
}

export class Sending {
  readonly #of: SendingSettings
  /** By partition, how often its block was offered in vain. */
  readonly #attempts = new Map<number, number>()

  constructor(of: SendingSettings) {
    this.#of = of
  }

  offer(sealed: Sealed): void {
    const { world, tenant, sender, steps } = this.#of
    const { partition, block } = sealed
    if (world.ownerOf(shardOf(tenant, partition)) !== undefined) {
      world.latency.sealed(sender, partition, sealed.senderSequence, sealed.cutAtMillis)
    }
    steps.pipe(world.ports.log.append({ tenant, partition, block }), (exit) =>
      this.#answered(sealed, exit),
    )
  }

  #answered(sealed: Sealed, exit: Exit.Exit<Receipt, IntelGraphError>): void {
    const { world, tenant, board, host, steps, admitted } = this.#of
    const at = { tenant, partition: sealed.partition }
    if (Exit.isSuccess(exit)) {
      this.#attempts.delete(sealed.partition)
      world.mailboxes.admitted(at, exit.value.sequence)
      return admitted(sealed.partition, exit.value.sequence)
    }
    const error = errorOf(exit.cause)
    if (error._tag === "MailboxFull" || error._tag === "LogFull") {
      world.mailboxes.refused(at)
      board.refusedBlocks++
    } else if (error._tag !== "Unavailable") {
      return world.fail(error)
    }
    const attempt = this.#attempts.get(sealed.partition) ?? 0
    this.#attempts.set(sealed.partition, attempt + 1)
    const ceiling = Math.min(retryMillisMax, retryMillisMin * 2 ** attempt)
    const waited = Effect.sleep(Math.max(retryMillisMin, ceiling * host.random()))
    const freed = world.ports.log.whenFree(at)
    const again = error._tag === "MailboxFull" ? Effect.raceFirst(freed, waited) : waited
    steps.pipe(again, () => this.offer(sealed))
  }
}
