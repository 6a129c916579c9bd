/** The graph store in Neo4j: the port's conformance suite on a real server. */
import { afterAll, beforeAll } from "vitest"
import { openNeo4jGraph } from "../../stores/index.ts"
import { type Server, startNeo4j } from "../servers/index.ts"
import { graphConformance } from "../stores/graph-conformance.ts"

let server: Server
beforeAll(async () => {
  server = await startNeo4j()
})
afterAll(() => server?.stop())

const optionsOf = (store: string) => ({
  url: server.url,
  user: server.user ?? "",
  password: server.password ?? "",
  store,
})

graphConformance({ name: "Neo4j", open: (path) => openNeo4jGraph(optionsOf(path)) })
