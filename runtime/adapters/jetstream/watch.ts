/**
 * A watch on a stream with one message per subject: the last one of each, then every one that
 * comes, in order.
 *
 * Promises: nothing is left out silently. The consumer is a passing one without acknowledgements;
 * it counts what it delivers and shows that it is there. A gap in its count, or silence beyond its
 * heartbeats, ends the watch, and whoever watches begins anew.
 */
import { createInbox, type Msg } from "@nats-io/nats-core"
import * as Effect from "effect/Effect"
import type { StoreFailed, Unavailable } from "../../../protocols/errors.ts"
import {
  watchHeartbeatMillis,
  watchIdleMillisMax,
  watchSilenceMillisMax,
} from "../../../protocols/limits.ts"
import type { Broker, Stored } from "./broker.ts"
import { failureOf, unavailable } from "./failures.ts"

export interface Watching {
  readonly stream: string
  readonly filter: string
  readonly begins: () => void
  /** All that was there when it began has been told. */
  readonly complete: () => void
  /** May throw `StoreFailed`, which ends the watch. */
  readonly found: (message: Omit<Stored, "headers">) => void
}

/** Until it breaks off. */
export const watchStream = (
  broker: Broker,
  watching: Watching,
): Effect.Effect<never, StoreFailed | Unavailable> =>
  Effect.callback((resume) => {
    const watch = new Watch(broker, watching, (error) => {
      const failure = failureOf(error)
      const told = failure._tag === "StoreFailed" ? failure : unavailable(failure.message)
      resume(Effect.fail(told))
    })
    return Effect.sync(() => watch.end())
  })

const nanosPerMilli = 1_000_000
const control = 100

class Watch {
  readonly #broker: Broker
  readonly #watching: Watching
  readonly #fail: (error: unknown) => void
  readonly #inbox = createInbox()
  readonly #end: () => void
  #timer: NodeJS.Timeout | undefined
  #count = 0
  #isComplete = false

  constructor(broker: Broker, watching: Watching, fail: (error: unknown) => void) {
    this.#broker = broker
    this.#watching = watching
    this.#fail = (error) => {
      this.end()
      fail(error)
    }
    const subscription = broker.connection.subscribe(this.#inbox, {
      callback: (error, message) => this.#guarded(() => this.#heard(error, message)),
    })
    this.#end = () => subscription.unsubscribe()
    this.#hear()
    watching.begins()
    this.#begin().catch(this.#fail)
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#end()
  }

  async #begin(): Promise<void> {
    const { stream, filter } = this.#watching
    const { num_pending } = await this.#broker.api<{ readonly num_pending: number }>(
      `CONSUMER.CREATE.${stream}`,
      {
        stream_name: stream,
        config: {
          filter_subject: filter,
          deliver_subject: this.#inbox,
          deliver_policy: "last_per_subject",
          ack_policy: "none",
          max_deliver: 1,
          idle_heartbeat: watchHeartbeatMillis * nanosPerMilli,
          inactive_threshold: watchIdleMillisMax * nanosPerMilli,
          mem_storage: true,
          num_replicas: 1,
        },
      },
    )
    if (num_pending === 0) this.#guarded(() => this.#complete())
  }

  #guarded(task: () => void): void {
    try {
      task()
    } catch (error) {
      this.#fail(error)
    }
  }

  #heard(error: Error | null, message: Msg): void {
    if (error !== null) throw error
    this.#hear()
    if (message.headers?.code === control) {
      const last = Number(message.headers.get("Nats-Last-Consumer"))
      if (last !== this.#count) throw unavailable("a watch has missed something.")
      return
    }
    const { sequence, count, left } = placeOfDelivery(message)
    if (count !== this.#count + 1) throw unavailable("a watch has missed something.")
    this.#count = count
    this.#watching.found({ subject: message.subject, sequence, data: message.data })
    if (left === 0) this.#complete()
  }

  #complete(): void {
    if (this.#isComplete) return
    this.#isComplete = true
    this.#watching.complete()
  }

  #hear(): void {
    clearTimeout(this.#timer)
    const silent = () => this.#fail(unavailable("a watch hears nothing."))
    this.#timer = setTimeout(silent, watchSilenceMillisMax)
    this.#timer.unref()
  }
}

/** `$JS.ACK.[<domain>.<account>.]<stream>.<name>.<times>.<place>.<count>.<time>.<left>[.…]` */
function placeOfDelivery({ reply = "" }: Msg) {
  const tokens = reply.split(".")
  const [, sequence = Number.NaN, count = Number.NaN, , left = Number.NaN] = tokens
    .slice(tokens.length === 9 ? 4 : 6)
    .map(Number)
  return { sequence, count, left }
}
