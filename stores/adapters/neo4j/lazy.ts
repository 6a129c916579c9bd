/** Loads the client of Neo4j where a graph is there, and only there. */
import * as Effect from "effect/Effect"
import type { Neo4jOptions } from "./open.ts"

export type { Neo4jOptions } from "./open.ts"

const loaded = Effect.promise(() => import("./open.ts"))

/** As `open.ts` has it. */
export const openNeo4jGraph = (options: Neo4jOptions) =>
  Effect.flatMap(loaded, (module) => module.openNeo4jGraph(options))

/** As `open.ts` has it. */
export const openNeo4jView = (options: Neo4jOptions) =>
  Effect.flatMap(loaded, (module) => module.openNeo4jView(options))
