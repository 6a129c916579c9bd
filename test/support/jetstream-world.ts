/** JetStream adapters over streams of their own; a crash ends the connection. */
import { randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { natsMakeMillisMax } from "../../protocols/limits.ts"
import { namesOf } from "../../runtime/adapters/jetstream/names.ts"
import {
  type JetStream,
  type JetStreamOptions,
  openJetStream,
  openJetStreamInspection,
} from "../../runtime/index.ts"
import { insisting } from "./log-flow.ts"
import type { LogWorld } from "./log-world.ts"

export interface JetStreamWorld extends LogWorld {
  readonly now: () => JetStream
}

/** A name that no other test has. */
export const logName = (): string => `t${randomBytes(6).toString("hex")}`

export const makeJetStreamWorld = (options: JetStreamOptions) =>
  Effect.gen(function* () {
    const named = { name: logName(), ...options }
    const openOnce = Effect.gen(function* () {
      const scope = yield* Scope.make()
      const end = Scope.close(scope, Exit.void)
      const opened = yield* Effect.onError(Scope.provide(openJetStream(named), scope), () => end)
      return { ...opened, end }
    })
    const open = insisting(openOnce)
    let now = yield* open
    const world: JetStreamWorld = {
      log: () => now.log,
      state: () => now.state,
      now: () => now,
      crash: Effect.gen(function* () {
        yield* now.end
        now = yield* open
      }),
      inspection: openJetStreamInspection(named),
      forge: ({ tenant, partition, block }) =>
        Effect.promise(async () => {
          const subject = namesOf(named.name).partition({ tenant, partition })
          await now.broker.publish({ subject, data: block, headers: {} })
        }),
      close: Effect.suspend(() => Effect.andThen(removeStreams(now, named.name), now.end)),
    }
    return world
  })

const removeStreams = ({ broker }: JetStream, name: string) =>
  Effect.promise(async () => {
    for (const stream of ["MB", "CTL", "ST"]) {
      const verb = `STREAM.DELETE.${name.toUpperCase()}_${stream}`
      await broker.api(verb, undefined, natsMakeMillisMax)
    }
  })
