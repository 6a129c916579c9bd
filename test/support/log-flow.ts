/** Senders and an owner of a log that go on through everything that passes. */
import * as Effect from "effect/Effect"
import type { IntelGraphError } from "../../protocols/errors.ts"
import type { Delivery, MessageLogShape, Offer, Ownership, Receipt } from "../../runtime/index.ts"

const plenty = 2 ** 30
const againMillis = 10

/** The same again for as long as it may yet succeed. */
export const insisting = <A, E extends IntelGraphError, R>(
  effect: Effect.Effect<A, E, R>,
): Effect.Effect<A, E, R> =>
  Effect.catch(effect, (error) =>
    error.family === "Retryable"
      ? Effect.andThen(Effect.sleep(againMillis), insisting(effect))
      : Effect.fail(error),
  )

/** One block after the other, each until the log answers to it. */
export const sendAll = (log: MessageLogShape, offers: readonly Offer[]) =>
  Effect.forEach(offers, (offer) => insisting(log.append(offer)))

/** Handles and acknowledges blocks, until it is enough. */
export const handleUntil = (
  log: MessageLogShape,
  owner: Ownership,
  isEnough: (handled: readonly Delivery[]) => boolean,
) =>
  Effect.gen(function* () {
    const handled: Delivery[] = []
    while (!isEnough(handled)) {
      const delivered = yield* insisting(log.pull(owner, plenty))
      handled.push(...delivered)
      yield* insisting(log.acknowledge(owner, delivered))
    }
    return handled
  })

export const handle = (log: MessageLogShape, owner: Ownership, count: number) =>
  handleUntil(log, owner, (handled) => handled.length >= count)

/** What flows while something is done to it. */
export class Flow {
  readonly offers: Offer[] = []
  readonly receipts: Receipt[] = []
  readonly handled: Delivery[] = []
  #isEnding = false
  #isLast = false

  /** Sends until `end` is called, and one block more, which ends the handling too. */
  send(log: MessageLogShape, next: () => Offer) {
    return Effect.gen({ self: this }, function* () {
      while (!this.#isLast) {
        this.#isLast = this.#isEnding
        const offer = next()
        this.offers.push(offer)
        this.receipts.push(yield* insisting(log.append(offer)))
      }
    })
  }

  handle(log: MessageLogShape, owner: Ownership) {
    return handleUntil(log, owner, (handled) => {
      this.handled.splice(0, this.handled.length, ...handled)
      return this.#isLast && handled.length >= this.offers.length
    })
  }

  end(): void {
    this.#isEnding = true
  }

  /** Resolves when so many more blocks were handled. */
  moved(by: number): Effect.Effect<void> {
    const enough = this.handled.length + by
    const look: Effect.Effect<void> = Effect.suspend(() =>
      this.handled.length >= enough ? Effect.void : Effect.delay(look, againMillis),
    )
    return look
  }
}
