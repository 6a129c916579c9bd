/** Loads what answers GraphQL where it is asked: a command that asks none begins a third sooner. */
import * as Effect from "effect/Effect"
import type { executeQuery as ExecuteQuery } from "./execute.ts"
import type { GatewayOptions } from "./start.ts"

export type { QueryAnswer, QueryRequest } from "./execute.ts"
export type { Gateway, GatewayOptions } from "./start.ts"

/** As `start.ts` has it. */
export const startGateway = (options: GatewayOptions) =>
  Effect.flatMap(
    Effect.promise(() => import("./start.ts")),
    (module) => module.startGateway(options),
  )

/** As `execute.ts` has it. */
export const executeQuery = (...of: Parameters<typeof ExecuteQuery>) =>
  Effect.flatMap(
    Effect.promise(() => import("./execute.ts")),
    (module) => module.executeQuery(...of),
  )
