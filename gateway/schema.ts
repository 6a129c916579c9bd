/**
 * The schema of `protocols/graphql.ts` with the resolvers attached; made once, when first asked
 * for.
 */
import type { GraphQLField, GraphQLSchema } from "graphql"
import { buildSchema, isObjectType } from "graphql"
import { invariant } from "../protocols/errors.ts"
import { schemaSdl } from "../protocols/graphql.ts"
import type { QueryContext } from "./context.ts"
import { graphResolvers } from "./resolve-graph.ts"
import { liveResolvers } from "./resolve-live.ts"
import { nodeResolvers } from "./resolve-node.ts"
import { Asks, type Resolver, type Resolvers } from "./resolver.ts"
import { writeResolvers } from "./write/resolve.ts"

let schema: GraphQLSchema | undefined

export function servedSchema(): GraphQLSchema {
  schema ??= attach(buildSchema(schemaSdl), {
    ...graphResolvers,
    ...nodeResolvers,
    ...liveResolvers,
    ...writeResolvers,
  })
  return schema
}

/** The field's own resolver; without one it is the property of its name. */
export const resolverOf = (field: GraphQLField<unknown, unknown>): Resolver | undefined =>
  attached.get(field)

const attached = new WeakMap<GraphQLField<unknown, unknown>, Resolver>()

function attach(built: GraphQLSchema, resolvers: Resolvers): GraphQLSchema {
  for (const [coordinate, resolver] of Object.entries(resolvers)) {
    const [typeName = "", fieldName = ""] = coordinate.split(".")
    const type = built.getType(typeName)
    const field = isObjectType(type) ? type.getFields()[fieldName] : undefined
    invariant(field !== undefined, `The schema has no ${coordinate}.`)
    attached.set(field, resolver)
    field.resolve = (source, given, context, { fieldNodes, fragments }) => {
      const asks = new Asks(fieldNodes, (name) => fragments[name])
      return resolver.resolve(source, given, context as QueryContext, asks)
    }
  }
  return built
}
