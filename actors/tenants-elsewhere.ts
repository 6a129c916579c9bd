/**
 * Tenants that are first heard of where their shard is not: only its owner can write what is kept
 * of them, so that one is asked to. Who is not answered asks again; it changes nothing then.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaParser from "effect/SchemaParser"
import type * as Scope from "effect/Scope"
import { type Conflict, Invalid } from "../protocols/errors.ts"
import type { Peers } from "../runtime/index.ts"
import { shardOfTenant, type Tenants } from "./tenants.ts"
import type { World } from "./world.ts"

const requestName = "tenant-make"

const decode = SchemaParser.decodeUnknownResult(
  Schema.Struct({ tenant: Schema.String, partitions: Schema.Number }),
)

/** Makes tenants for other nodes, in this scope, and has others make those of their shards. */
export const makeTenantsElsewhere = (
  world: World,
  tenants: Tenants,
  peers: Peers,
): Effect.Effect<void, Conflict, Scope.Scope> => {
  tenants.elsewhere = (made) =>
    Effect.suspend(() => {
      const holder = world.holderElsewhere(shardOfTenant(made.tenant))
      return holder === undefined
        ? Effect.void
        : Effect.ignore(peers.ask(holder, requestName, made))
    })
  return peers.serve({
    [requestName]: (said) => {
      const read = decode(said)
      if (Result.isFailure(read)) return Effect.fail(noTenant())
      const { success: made } = read
      return world
        .owning(shardOfTenant(made.tenant))
        .pipe(Effect.andThen(tenants.ensure(made)), Effect.as(null))
    },
  })
}

const noTenant = () =>
  new Invalid({ what: "tenant", message: "What was said of a tenant names none." })
