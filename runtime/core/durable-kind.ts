/** What durable state of a kind is: its events, what they do, and how those of old are read. */
import * as Effect from "effect/Effect"
import { type Address, checkToken, formatAddress } from "../../protocols/address.ts"
import type { Json } from "../../protocols/canonical.ts"
import { Invalid, invariant } from "../../protocols/errors.ts"
import {
  durableEventsPerSnapshotDefault,
  durableEventsPerSnapshotMax,
  keyBytesMax,
} from "../../protocols/limits.ts"
import type { Upcasters } from "./durable-record.ts"

/**
 * What an actor of a kind keeps. State and events are JSON: types made with `type`, since an
 * `interface` is not known to be. `apply` and the upcasters are pure, and change nothing that they
 * are given.
 */
export interface DurableKind<S extends Json, E extends Json> {
  readonly kind: string
  /** Of the events and snapshots that it writes, from 1 on. */
  readonly version: number
  readonly initial: S
  readonly apply: (state: S, event: E) => S
  /** One for each version below `version`: it makes of that version's value the next one's. */
  readonly upcastEvent?: Upcasters
  readonly upcastSnapshot?: Upcasters
  /** With 1 each `persist` writes the state alone. */
  readonly eventsPerSnapshotMax?: number
}

/** Refuses an address that no actor can have. A kind that is not whole is a mistake in the code. */
export function checkDurable<S extends Json, E extends Json>(
  address: Address,
  { kind, version, upcastEvent, upcastSnapshot, eventsPerSnapshotMax }: DurableKind<S, E>,
): Effect.Effect<void, Invalid> {
  return Effect.suspend(() => {
    invariant(address.kind === kind, `${formatAddress(address)} has no state of the kind ${kind}.`)
    invariant(
      Number.isInteger(version) && version >= 1,
      `The kind ${kind} has version ${version}; the first one is 1.`,
    )
    for (let at = 1; at < version; at++) {
      const isThere = upcastEvent?.[at] !== undefined && upcastSnapshot?.[at] !== undefined
      invariant(isThere, `The kind ${kind} of version ${version} has no upcaster of version ${at}.`)
    }
    const most = eventsPerSnapshotMax ?? durableEventsPerSnapshotDefault
    invariant(
      Number.isInteger(most) && most >= 1 && most <= durableEventsPerSnapshotMax,
      `The kind ${kind} has a snapshot every 1 to ${durableEventsPerSnapshotMax} events.`,
    )
    const isKey = address.key.isWellFormed() && Buffer.byteLength(address.key) <= keyBytesMax
    return isKey ? checkedTokens(address) : Effect.fail(noKey(address))
  })
}

const checkedTokens = ({ tenant, kind }: Address): Effect.Effect<void, Invalid> =>
  Effect.try({
    try: () => {
      checkToken("tenant", tenant)
      checkToken("kind", kind)
    },
    catch: (error) => error as Invalid,
  })

const noKey = ({ tenant, kind }: Address): Invalid =>
  new Invalid({
    what: "key",
    message: `A key of ${tenant}/${kind} is text of at most ${keyBytesMax} bytes.`,
  })
