/**
 * The GraphQL schema as text: what the edge answers (contracts §9). `schema.graphql` beside this
 * file is the same text for tools; a test keeps the two equal.
 *
 * Lists that may be long are pages `{ items, end, hasMore }`: `after` takes the `end` of the page
 * before. Nobody asked for a cursor per item, and without edges a query is two levels flatter.
 */
import { graphSdl } from "./sdl/graph.ts"
import { liveSdl } from "./sdl/live.ts"
import { nodeSdl } from "./sdl/node.ts"
import { querySdl } from "./sdl/query.ts"
import { writeSdl } from "./sdl/write.ts"

/** The schema definition language of the whole edge. */
export const schemaSdl = [querySdl, writeSdl, liveSdl, graphSdl, nodeSdl]
  .map((part) => part.trim())
  .join("\n\n")
