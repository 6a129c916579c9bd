/**
 * Faults beneath a node that a test turns on and off: sinks that do not answer, calls that crash.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Ports } from "../../actors/index.ts"
import type { Host } from "../../runtime/index.ts"

/** Holds up the commits of chosen tenants until they are let go. */
export class CommitGate {
  readonly #closed = new Map<string, Deferred.Deferred<void>>()
  /** Tenants of each call that came, in order. */
  readonly calls: (readonly string[])[] = []

  close(tenant: string): void {
    this.#closed.set(tenant, Deferred.makeUnsafe())
  }

  open(tenant: string): void {
    const closed = this.#closed.get(tenant)
    this.#closed.delete(tenant)
    if (closed !== undefined) Deferred.doneUnsafe(closed, Effect.void)
  }

  readonly wrap = (ports: Ports): Ports => ({
    ...ports,
    sink: {
      ...ports.sink,
      commit: (blocks) =>
        Effect.suspend(() => {
          const tenants = [...new Set(blocks.map(({ tenant }) => tenant))]
          this.calls.push(tenants)
          const gates = tenants.flatMap((tenant) => this.#closed.get(tenant) ?? [])
          return Effect.forEach(gates, (gate) => Deferred.await(gate), { discard: true }).pipe(
            Effect.andThen(ports.sink.commit(blocks)),
          )
        }),
    },
  })
}

/**
 * A port whose method throws, once at each of these calls (1 is the first): a mistake in the
 * program, which ends the incarnation of the actor that called.
 */
export function crashing<P extends object>(
  port: P,
  method: keyof P,
  at: readonly number[],
  seen: { calls: number; crashes: number } = { calls: 0, crashes: 0 },
): P {
  const original = port[method] as (...args: unknown[]) => unknown
  const instead = (...args: unknown[]) => {
    seen.calls++
    if (at.includes(seen.calls)) {
      seen.crashes++
      throw new Error(`injected at call ${seen.calls} of ${String(method)}`)
    }
    return Reflect.apply(original, port, args)
  }
  return { ...port, [method]: instead }
}

/** Looks every few milliseconds, for at most as long as a test may take. */
export const until = (what: string, condition: () => boolean): Effect.Effect<void> => {
  const look: Effect.Effect<void> = Effect.suspend(() =>
    condition() ? Effect.void : Effect.andThen(Effect.sleep(2), look),
  )
  const late = () => Effect.die(new Error(`It never came about that ${what}.`))
  return Effect.timeoutOrElse(look, { duration: 20_000, orElse: late })
}

/** Waits at most a moment, where a test is about what comes after the wait. */
export const impatient = (host: Host): Host => ({
  ...host,
  after: (millis, task) => host.after(Math.min(millis, 5), task),
})

/** Parks the lowest block of the shard before its reader begins. */
export function parkFirst(shard: number) {
  return (ports: Ports): Ports => ({
    ...ports,
    log: {
      ...ports.log,
      open: (owner) =>
        Effect.gen(function* () {
          const tails = yield* ports.log.open(owner)
          if (owner.shard !== shard) return tails
          const [first] = yield* ports.log.pull(owner, 1)
          if (first === undefined) throw new Error("the first life has left blocks")
          const path = ["parked", "demo", "0", String(first.sequence).padStart(16, "0")]
          yield* Effect.orDie(ports.state.write(owner, [{ path, value: first.block }]))
          yield* ports.log.acknowledge(owner, [first])
          return tails.map((tail) => ({ ...tail, pending: tail.pending - 1 }))
        }),
    },
  })
}
