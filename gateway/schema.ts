/**
 * The schema of `protocols/graphql.ts` with the resolvers attached; made once, when first asked
 * for.
 */
import type { GraphQLFieldResolver, GraphQLSchema } from "graphql"
import { buildSchema, isObjectType } from "graphql"
import { invariant } from "../protocols/errors.ts"
import { schemaSdl } from "../protocols/graphql.ts"
import type { QueryContext } from "./context.ts"
import { graphResolvers } from "./resolve-graph.ts"
import { liveResolvers } from "./resolve-live.ts"
import { nodeResolvers } from "./resolve-node.ts"
import { writeResolvers } from "./write/resolve.ts"

export type Resolver = GraphQLFieldResolver<unknown, QueryContext>
/** Resolvers by `Type.field`; a field without one is the property of its name. */
export type Resolvers = { readonly [coordinate: string]: Resolver }

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

function attach(built: GraphQLSchema, resolvers: Resolvers): GraphQLSchema {
  for (const [coordinate, resolver] of Object.entries(resolvers)) {
    const [typeName = "", fieldName = ""] = coordinate.split(".")
    const type = built.getType(typeName)
    const field = isObjectType(type) ? type.getFields()[fieldName] : undefined
    invariant(field !== undefined, `The schema has no ${coordinate}.`)
    field.resolve = resolver as GraphQLFieldResolver<unknown, unknown>
  }
  return built
}
