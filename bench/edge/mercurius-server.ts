/** mercurius with graphql-jit over the same graph, with the packages of `bench/peers/`. */
import * as Effect from "effect/Effect"
import { entityId } from "../../protocols/graph.ts"
import { openGraphReads, type VisibleEntity } from "../../stores/index.ts"
import { run } from "../../test/support/run.ts"
import { runMain } from "../../test/support/run-main.ts"
import { serveParent } from "./contestant-child.ts"
import { tenant } from "./graph.ts"

const [path = ""] = process.argv.slice(2)

/** What the bench asks of the schema; the whole of it has scalars that graphql 16 reads alike. */
const schema = `
  scalar JSON
  type Entity {
    id: ID! type: String! key: String! name: String stub: Boolean! properties: JSON!
  }
  type EntityPage { items: [Entity!]! end: String hasMore: Boolean! }
  type Query {
    entity(id: ID, type: String, key: String): Entity
    entities(type: String, first: Int! = 50, after: String): EntityPage!
  }`

interface Named {
  readonly type: string
  readonly key: string
}

interface Paged {
  readonly type?: string
  readonly first: number
  readonly after?: string
}

runMain(
  Effect.gen(function* () {
    const reads = yield* openGraphReads(path)
    const resolvers = {
      Query: {
        entity: (_: unknown, { type, key }: Named) => run(reads.entity(tenant, type, key)),
        entities: (_: unknown, { type, first, after }: Paged) => {
          const page = { first, ...(after === undefined ? {} : { after }) }
          return run(reads.entities(tenant, type === undefined ? {} : { type }, page))
        },
      },
      Entity: {
        id: ({ type, key }: VisibleEntity) => entityId(type, key),
        name: ({ properties: { name } }: VisibleEntity) => (typeof name === "string" ? name : null),
      },
    }
    const { serveMercurius } = yield* Effect.promise(() => import("../peers/server.mjs"))
    const port = yield* Effect.promise(() => serveMercurius(schema, resolvers))
    serveParent({ port })
    yield* Effect.never
  }),
)
