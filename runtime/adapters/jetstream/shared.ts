/**
 * Small facts that all nodes of a log share, such as the key of their resume tokens. What the first
 * of them puts there stays: the stream takes a first message and no second one.
 */
import type * as Effect from "effect/Effect"
import { checkToken } from "../../../protocols/address.ts"
import type { StoreFailed, Unavailable } from "../../../protocols/errors.ts"
import { ApiFailed, type Broker, errorCodes } from "./broker.ts"
import { asked } from "./failures.ts"
import { namesOf } from "./names.ts"

/** The fact as it stands, which is `proposal` where nobody was before. */
export const sharedFact = (
  broker: Broker,
  place: { readonly log?: string; readonly fact: string },
  proposal: Uint8Array,
): Effect.Effect<Uint8Array, StoreFailed | Unavailable> =>
  asked(["StoreFailed"], async () => {
    const names = namesOf(place.log ?? "intelgraph")
    const subject = names.shared(checkToken("kind", place.fact))
    const known = () => broker.stored(names.streams.st, { last_by_subj: subject })
    const before = await known()
    if (before !== undefined) return before.data
    try {
      await broker.publish({ subject, data: proposal, headers: { [expectedHeader]: "0" } })
      return proposal
    } catch (error) {
      const isLate = error instanceof ApiFailed && error.errorCode === errorCodes.wrongLastSequence
      const now = isLate ? await known() : undefined
      if (now === undefined) throw error
      return now.data
    }
  })

const expectedHeader = "Nats-Expected-Last-Subject-Sequence"
