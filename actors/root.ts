/**
 * The root: the readers of the shards that this node owns now, and the tenants. Opens and closes
 * shards as placement says: a reader is there before the partitions that it feeds, and ends after
 * them. Supervises one-for-one. A reader that is quarantined
 * ends the node, for its shard holds partitions of any tenant; a tenant that is quarantined ends
 * its own ingests, and the others go on.
 */
import { invariant, Unavailable } from "../protocols/errors.ts"
import { retryMillisMax } from "../protocols/limits.ts"
import type { ActorContext, ActorRef, ActorType, Behavior, Ownership } from "../runtime/index.ts"
import type { AskedIngest } from "./asked-ingest.ts"
import type { Lost, ShardMessage, TenantMessage } from "./messages.ts"
import { shardType } from "./shard.ts"
import type { ShardMemory } from "./shard-memory.ts"
import { quarantinedError, TenantMemory, tenantType } from "./tenant.ts"
import type { World } from "./world.ts"

export type RootMessage =
  /** Starts a tenant that does not run yet. */
  | { readonly kind: "tenant"; readonly tenant: string; readonly partitions: number }
  | {
      readonly kind: "ingest"
      readonly job: AskedIngest
    }
  | Lost
  | { readonly kind: "stop-reading" }
  /** The shard is taken over. `done` once its actors are there. */
  | { readonly kind: "open"; readonly shard: OpenShard; readonly done: () => void }
  /** The shard is given up. `done` once its actors have stopped. */
  | { readonly kind: "close"; readonly shard: number; readonly done: () => void }

export interface OpenShard {
  readonly owner: Ownership
  readonly memory: ShardMemory
}

/** What outlives a restart of the root. */
export class RootMemory {
  /** The shards that this node owns now. */
  readonly shards = new Map<number, OpenShard>()
  readonly tenants = new Map<
    string,
    { readonly partitions: number; readonly memory: TenantMemory }
  >()
}

export interface RootArgument {
  readonly world: World
  readonly memory: RootMemory
}

export const rootType: ActorType<RootMessage, RootArgument> = {
  kind: "node",
  mailbox: { overflow: "wait" },
  restart: "permanent",
  supervision: { strategy: "one-for-one" },
  start: (context, argument) => new RootActor(context, argument),
}

/** Somebody waits until tenants have heard something. */
interface Wait {
  readonly unheard: Set<string>
  readonly done: () => void
}

class RootActor implements Behavior<RootMessage> {
  readonly #context: ActorContext<RootMessage>
  readonly #argument: RootArgument
  readonly #readers = new Map<number, ActorRef<ShardMessage>>()
  /** Readers of shards that are given up, until their partitions have stopped. */
  readonly #leaving = new Map<
    number,
    { readonly reader: ActorRef<ShardMessage>; readonly memory: ShardMemory }
  >()
  readonly #tenants = new Map<string, ActorRef<TenantMessage>>()
  readonly #waits = new Set<Wait>()

  constructor(context: ActorContext<RootMessage>, argument: RootArgument) {
    this.#context = context
    this.#argument = argument
    const { memory } = argument
    for (const shard of memory.shards.values()) this.#read(shard)
    for (const [tenant, known] of memory.tenants) {
      dropUntaken(known.memory)
      this.#spawn(tenant)
    }
  }

  receive(message: RootMessage): void {
    const { tenants } = this.#argument.memory
    switch (message.kind) {
      case "tenant": {
        const { tenant, partitions } = message
        if (tenants.has(tenant)) return
        tenants.set(tenant, { partitions, memory: new TenantMemory() })
        return this.#spawn(tenant)
      }
      case "ingest": {
        const { kind, job } = message
        const { tenant } = job.request
        const [known, ref] = [tenants.get(tenant), this.#tenants.get(tenant)]
        invariant(
          known !== undefined && ref !== undefined,
          `The tenant ${tenant} is started before its ingests.`,
        )
        const refused = ref.tell({ kind, job })
        if (refused !== undefined) job.fail(refused)
        else job.keepIn(known.memory.asked)
        return
      }
      case "lost":
        return this.#lost(message)
      case "stop-reading":
        for (const ref of this.#tenants.values()) ref.tell(message, "control")
        return
      case "open":
        return this.#open(message.shard, message.done)
      case "close":
        return this.#close(message.shard, message.done)
    }
  }

  #open(shard: OpenShard, done: () => void): void {
    const { world, memory } = this.#argument
    const { owner } = shard
    // A tenant did not hear in time that it was closed before.
    this.#dismiss(owner.shard)
    memory.shards.set(owner.shard, shard)
    world.owns(owner)
    this.#read(shard)
    this.#tellTenants((heard) => ({ kind: "opened", shard: owner.shard, heard }), done)
  }

  /** Partitions first: they speak to their reader. */
  #close(shard: number, done: () => void): void {
    const { world, memory } = this.#argument
    const open = memory.shards.get(shard)
    if (open === undefined) return done()
    memory.shards.delete(shard)
    world.disowns(shard)
    const reader = this.#readers.get(shard)
    this.#readers.delete(shard)
    const leaves = reader === undefined ? undefined : { reader, memory: open.memory }
    if (leaves !== undefined) this.#leaving.set(shard, leaves)
    const closed = () => {
      if (this.#leaving.get(shard) === leaves) this.#dismiss(shard)
      done()
    }
    this.#tellTenants((heard) => ({ kind: "closed", shard, heard }), closed)
  }

  #dismiss(shard: number): void {
    const leaves = this.#leaving.get(shard)
    if (leaves === undefined) return
    this.#leaving.delete(shard)
    this.#context.unwatch(leaves.reader)
    this.#context.stop(leaves.reader)
    leaves.memory.close(leaves.reader)
  }

  /**
   * `done` once all have heard it. One in quarantine hears nothing, and has no actors; where one's
   * mailbox is full it never comes, and who waits gives up.
   */
  #tellTenants(message: (heard: () => void) => TenantMessage, done: () => void): void {
    const wait: Wait = { unheard: new Set(this.#tenants.keys()), done }
    this.#waits.add(wait)
    for (const [tenant, ref] of this.#tenants) {
      const refused = ref.tell(message(() => this.#heard(wait, tenant)))
      if (refused !== undefined && refused._tag !== "MailboxFull") wait.unheard.delete(tenant)
    }
    this.#settle(wait)
  }

  #heard(wait: Wait, tenant: string): void {
    wait.unheard.delete(tenant)
    this.#settle(wait)
  }

  #settle(wait: Wait): void {
    if (wait.unheard.size === 0 && this.#waits.delete(wait)) wait.done()
  }

  #read({ owner, memory }: OpenShard): void {
    const { world } = this.#argument
    const reader = this.#context.spawn(shardType, String(owner.shard), { world, owner, memory })
    this.#readers.set(owner.shard, this.#watched(reader))
  }

  #lost({ address, reason }: Lost): void {
    if (reason !== "quarantined") return
    const { world, memory } = this.#argument
    const error = quarantinedError(address)
    if (address.kind === shardType.kind) {
      const open = memory.shards.get(Number(address.key))
      return open === undefined ? undefined : world.failShard(open.owner, error)
    }
    memory.tenants.get(address.key)?.memory.break(error)
    for (const wait of this.#waits) this.#heard(wait, address.key)
  }

  #watched<R extends ActorRef<never>>(child: R): R {
    const { address } = child
    this.#context.watch(child, (reason) => ({ kind: "lost", address, reason }))
    return child
  }

  #spawn(tenant: string): void {
    const { world, memory } = this.#argument
    const known = memory.tenants.get(tenant)
    if (known === undefined) return
    const readerOf = (shard: number) => this.#readers.get(shard)
    const argument = { world, tenant, readerOf, ...known }
    const spawned = this.#context.spawn(tenantType, tenant, argument, { tenant })
    this.#tenants.set(tenant, this.#watched(spawned))
  }
}

/** What was still in the mailbox of the tenant that ended with the root before is nowhere now. */
function dropUntaken({ asked, jobs }: TenantMemory): void {
  const taken = new Set(jobs.map((job) => job.asked))
  const message = "The node's actors began anew before this ingest was begun."
  const lost = new Unavailable({ message, retryAfterMillis: retryMillisMax })
  for (const one of asked) if (!taken.has(one)) one.fail(lost)
}
