/** Waits until a stream has let go of a message. */
import { setTimeout as sleep } from "node:timers/promises"
import { removalLookMillis, removalMillisMax } from "../../../protocols/limits.ts"
import type { Broker } from "./broker.ts"

/**
 * A stream with replicas removes what was acknowledged a moment after it says so: the servers agree
 * on it first. Only then is the slot free, and no consumer gets the block again. What one consumer
 * acknowledges is removed in its order, so the last one tells. Gives up in silence: what is not
 * removed yet will be.
 */
export async function awaitRemoval(broker: Broker, stream: string, sequence: number) {
  const until = performance.now() + removalMillisMax
  while (performance.now() < until) {
    if ((await broker.stored(stream, { seq: sequence })) === undefined) return
    await sleep(removalLookMillis)
  }
}
