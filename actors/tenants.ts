/** Starts tenants on first use, and keeps with each how many partitions it was made with. */
import * as Effect from "effect/Effect"
import { checkToken, fnv1a32 } from "../protocols/address.ts"
import { canonicalJson } from "../protocols/canonical.ts"
import { type IntelGraphError, Invalid } from "../protocols/errors.ts"
import { partitionsDefault, partitionsMax, shardCount } from "../protocols/limits.ts"
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

const recordVersion = 1

export class Tenants {
  readonly #world: World
  readonly #root: ActorRef<RootMessage>
  readonly #started = new Set<string>()

  constructor(world: World, root: ActorRef<RootMessage>) {
    this.#world = world
    this.#root = root
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
    const shard = fnv1a32(settings.tenant) % shardCount
    const path = ["tenant", settings.tenant]
    return Effect.gen({ self: this }, function* () {
      const kept = yield* state.read(shard, path)
      if (kept !== undefined) {
        return (JSON.parse(Buffer.from(kept).toString("utf8")) as { partitions: number }).partitions
      }
      const partitions = settings.partitions ?? partitionsDefault
      const value = Buffer.from(canonicalJson({ version: recordVersion, partitions }), "utf8")
      yield* state.write(this.#world.ownerOf(shard), [{ path, value }])
      return partitions
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
