/** Starts tenants on first use, and keeps with each how many partitions it was made with. */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import { checkToken, fnv1a32 } from "../protocols/address.ts"
import { canonicalJson } from "../protocols/canonical.ts"
import { type IntelGraphError, Invalid } from "../protocols/errors.ts"
import {
  partitionsDefault,
  partitionsMax,
  retryMillisMax,
  shardCount,
} from "../protocols/limits.ts"
import type { ActorRef } from "../runtime/index.ts"
import type { RootMessage } from "./root.ts"
import type { World } from "./world.ts"

export interface TenantSettings {
  readonly tenant: string
  /** Kept with the tenant when it is made; a later value is ignored. */
  readonly partitions?: number
  /** Priority of sources in the merge rule; 0 for those not named. */
  readonly priorities?: { readonly [source: string]: number }
}

interface Made {
  readonly tenant: string
  readonly partitions: number
}

const recordVersion = 1

/** The shard whose owner writes what is kept of the tenant. */
export const shardOfTenant = (tenant: string): number => fnv1a32(tenant) % shardCount

/** What it does beside ends with the scope. */
export const openTenants = Effect.fnUntraced(function* (world: World, root: ActorRef<RootMessage>) {
  return new Tenants(world, root, yield* FiberSet.makeRuntime<never, void>())
})

export class Tenants {
  readonly #world: World
  readonly #root: ActorRef<RootMessage>
  readonly #fork: (effect: Effect.Effect<void>) => unknown
  readonly #started = new Set<string>()
  readonly #found = new Set<string>()
  /** Has the owner of the tenant's shard make it, where that is another node. */
  elsewhere: (made: Made) => Effect.Effect<void> = () => Effect.void

  constructor(
    world: World,
    root: ActorRef<RootMessage>,
    fork: (effect: Effect.Effect<void>) => unknown,
  ) {
    this.#world = world
    this.#root = root
    this.#fork = fork
  }

  /** Starts a tenant that another node has made, beside what else is done. */
  found(tenant: string): void {
    if (this.#started.has(tenant) || this.#found.has(tenant)) return
    this.#found.add(tenant)
    const ensured: Effect.Effect<void> = Effect.catch(this.ensure({ tenant }), () =>
      Effect.andThen(Effect.sleep(retryMillisMax), ensured),
    )
    this.#fork(Effect.tap(ensured, () => Effect.sync(() => this.#found.delete(tenant))))
  }

  /** Makes sure that the tenant runs. Refuses a name that is no token, and too many partitions. */
  ensure(settings: TenantSettings): Effect.Effect<void, IntelGraphError> {
    const { tenant, priorities } = settings
    return Effect.gen({ self: this }, function* () {
      yield* checked(settings)
      if (this.#started.has(tenant)) return
      for (const [source, priority] of Object.entries(priorities ?? {})) {
        yield* this.#world.ports.sink.configureSource(tenant, source, { priority })
      }
      const partitions = yield* this.#partitionsOf(settings)
      yield* this.#root.offer({ kind: "tenant", tenant, partitions })
      this.#started.add(tenant)
    })
  }

  #partitionsOf(settings: TenantSettings): Effect.Effect<number, IntelGraphError> {
    const { state } = this.#world.ports
    const shard = shardOfTenant(settings.tenant)
    const path = ["tenant", settings.tenant]
    return Effect.gen({ self: this }, function* () {
      const partitions = settings.partitions ?? partitionsDefault
      const value = Buffer.from(canonicalJson({ version: recordVersion, partitions }), "utf8")
      while (true) {
        const kept = yield* state.read(shard, path)
        if (kept !== undefined) {
          const record = JSON.parse(Buffer.from(kept).toString("utf8")) as { partitions: number }
          return record.partitions
        }
        const owner = this.#world.ownerOf(shard)
        if (owner !== undefined) {
          const written = state.write(owner, [{ path, value }])
          const isOwner = yield* Effect.as(written, true).pipe(
            Effect.catchTag("Fenced", () => Effect.succeed(false)),
          )
          if (isOwner) return partitions
        }
        yield* this.elsewhere({ tenant: settings.tenant, partitions })
        yield* Effect.sleep(retryMillisMax)
      }
    })
  }
}

const checked = (settings: TenantSettings): Effect.Effect<void, IntelGraphError> =>
  Effect.try({
    try: () => {
      checkToken("tenant", settings.tenant)
      const partitions = settings.partitions ?? partitionsDefault
      if (!Number.isInteger(partitions) || partitions < 1 || partitions > partitionsMax) {
        const message = `A tenant has 1 to ${partitionsMax} partitions, not ${partitions}.`
        throw new Invalid({ what: "partitions", message })
      }
    },
    catch: (error) => error as Invalid,
  })
