/** Loads the client of Postgres where a graph is there, and only there. */
import * as Effect from "effect/Effect"
import type { PostgresOptions } from "./open.ts"

export type { PostgresOptions } from "./open.ts"

const loaded = Effect.promise(() => import("./open.ts"))

/** As `open.ts` has it. */
export const openPostgresGraph = (options: PostgresOptions) =>
  Effect.flatMap(loaded, (module) => module.openPostgresGraph(options))

/** As `open.ts` has it. */
export const openPostgresView = (options: PostgresOptions) =>
  Effect.flatMap(loaded, (module) => module.openPostgresView(options))
