// mercurius over the graph of the bench, with the packages of this folder and graphql 16. It reads
// through the store of the repository, and its resolvers are the fields that the bench asks for.
import fastify from "fastify"
import mercurius from "mercurius"

/** Answers its port. `resolvers` are those of the fields that are not properties. */
export async function serveMercurius(schema, resolvers) {
  const app = fastify({ logger: false })
  await app.register(mercurius, { schema, resolvers, jit: 1, graphiql: false })
  await app.listen({ host: "127.0.0.1", port: 0 })
  return app.server.address().port
}
