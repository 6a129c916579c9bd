/** Loads the client of NATS where a node's log is there, and only there: it takes 50 ms. */
import * as Effect from "effect/Effect"
import type { Broker } from "./broker.ts"
import type { JetStreamOptions } from "./open.ts"
import type { NatsPeerOptions } from "./peer-line.ts"
import type { RegisterOptions } from "./register.ts"
import type { sharedFact as SharedFact } from "./shared.ts"

export type { JetStream, JetStreamFacts, JetStreamOptions } from "./open.ts"
export type { NatsPeerOptions } from "./peer-line.ts"
export type { RegisterOptions } from "./register.ts"

/** As `open.ts` has it. */
export const openJetStream = (options: JetStreamOptions) =>
  Effect.flatMap(
    Effect.promise(() => import("./open.ts")),
    (module) => module.openJetStream(options),
  )

/** As `shared.ts` has it. */
export const sharedFact = (...of: Parameters<typeof SharedFact>): ReturnType<typeof SharedFact> =>
  Effect.flatMap(
    Effect.promise(() => import("./shared.ts")),
    (module) => module.sharedFact(...of),
  )

/** As `inspection.ts` has it. */
export const openJetStreamInspection = (options: JetStreamOptions) =>
  Effect.flatMap(
    Effect.promise(() => import("./inspection.ts")),
    (module) => module.openJetStreamInspection(options),
  )

/** As `register.ts` has it. */
export const openRegister = (broker: Broker, options: RegisterOptions) =>
  Effect.flatMap(
    Effect.promise(() => import("./register.ts")),
    (module) => module.openRegister(broker, options),
  )

/** As `peer-line.ts` has it. */
export const openPeers = (broker: Broker, options: NatsPeerOptions) =>
  Effect.flatMap(
    Effect.promise(() => import("./peer-line.ts")),
    (module) => module.openPeers(broker, options),
  )
