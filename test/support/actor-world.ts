/** An actor system on virtual time: effects sleep and yield on the virtual host too. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Scheduler from "effect/Scheduler"
import { Dispatcher } from "../../runtime/core/dispatcher.ts"
import type {
  ActorEvent,
  ActorRef,
  ActorSystem,
  ActorType,
  Behavior,
  SystemOptions,
} from "../../runtime/index.ts"
import { makeSystem } from "../../runtime/index.ts"
import { supervisor } from "../../supervisors/index.ts"
import { makeVirtualHost, type VirtualHost } from "./virtual-host.ts"

export interface ActorWorld {
  readonly host: VirtualHost
  readonly system: ActorSystem
  readonly events: readonly ActorEvent[]
  readonly spawn: <M>(
    behavior: ActorType<M>["start"],
    type?: Partial<ActorType<M>>,
    key?: string,
  ) => ActorRef<M>
  /** Starts an effect; what became of it so far is in `exit`. */
  readonly begin: <A, E>(effect: Effect.Effect<A, E>) => Begun<A, E>
  /** Asks, and lets the world run until nothing is due. */
  readonly answer: <A>(ask: Effect.Effect<A, unknown>) => A
}

export interface Begun<A, E> {
  readonly exit: () => Exit.Exit<A, E> | undefined
  readonly interrupt: () => void
}

export function makeActorWorld(options: Partial<SystemOptions> = {}, seed = 1): ActorWorld {
  const host = makeVirtualHost(seed)
  const events: ActorEvent[] = []
  const context = virtualContext(host)
  const dispatcher = new Dispatcher(host, context)
  const system = makeSystem({
    host,
    supervisor,
    context,
    events: (event) => void events.push(event),
    ...options,
  })
  const begin: ActorWorld["begin"] = (effect) => {
    const fiber = dispatcher.fork(effect)
    return { exit: () => fiber.pollUnsafe(), interrupt: () => fiber.interruptUnsafe() }
  }
  return {
    host,
    system,
    events,
    begin,
    spawn: (start, type = {}, key = "a") =>
      system.spawn({ kind: "tested", ...type, start }, { tenant: "demo", key }, undefined),
    answer: (ask) => {
      const begun = begin(ask)
      host.settle()
      const exit = begun.exit()
      if (exit?._tag !== "Success") throw new Error(`no answer: ${JSON.stringify(exit)}`)
      return exit.value
    },
  }
}

/** A behavior that only writes down what it gets. */
export const recording =
  <M>(log: M[]): (() => Behavior<M>) =>
  () => ({ receive: (message) => void log.push(message) })

function virtualContext(host: VirtualHost): Context.Context<never> {
  const scheduler = new Scheduler.MixedScheduler("async", (task) => {
    let dropped = false
    host.yield(() => {
      if (!dropped) task()
    })
    return () => {
      dropped = true
    }
  })
  const millis = () => host.wallMicros() / 1000
  const nanos = () => BigInt(host.wallMicros()) * 1000n
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        const cancel = host.after(Duration.toMillis(duration), () => resume(Effect.void))
        return Effect.sync(cancel)
      }),
  }
  return Context.empty().pipe(
    Context.add(Scheduler.Scheduler, scheduler),
    Context.add(Clock.Clock, clock),
  ) as Context.Context<never>
}
