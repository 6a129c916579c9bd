/**
 * All that is live of one node: who subscribes to what, and within which bounds. Sockets and
 * streams open here and are told here to end.
 */
import { Invalid, type LimitExceeded, Unavailable } from "../../protocols/errors.ts"
import {
  liveSocketsMax,
  liveSocketsPerTokenMax,
  liveSubscriptionsMax,
  queryListMax,
  subscriberStallMillisMax,
} from "../../protocols/limits.ts"
import type { FeedPosition } from "../../stores/index.ts"
import { type Access, tenantOf } from "../access/access.ts"
import { exceeded } from "../cost.ts"
import type { Engine } from "../execute.ts"
import { decodeResume, encodeResume } from "../feed/resume-token.ts"
import { ChangeHub } from "./change-hub.ts"
import { LatestHub } from "./latest-hub.ts"
import { lookOfActors, lookOfSources, showGoneActor } from "./looks.ts"
import type { Subscription } from "./operation.ts"
import { type LiveCounts, noCounts, type Outlet } from "./outlet.ts"
import { Turns } from "./turns.ts"

/** Calls `end` once when the access ends; returns how to stop watching. */
export type WatchAccess = (access: Access, end: () => void) => () => void

/** What is open and must end with the node or with its access. */
export interface Open {
  /** The node ends; the client may come back. */
  readonly endWithNode: () => void
  /** The access is no longer good. */
  readonly endOfAccess: () => void
}

export interface Subscribed {
  readonly leave: () => void
  /** How a client goes on behind what it was sent; only where something would be missed. */
  readonly resume: () => string | undefined
}

type Hub = ChangeHub | LatestHub

export class Live {
  readonly engine: Engine
  readonly counts: LiveCounts = noCounts()
  readonly #watchAccess: WatchAccess
  readonly #turns = new Turns()
  readonly #hubs = new Map<string, Hub>()
  readonly #open = new Set<Open>()
  readonly #openByWhom = new Map<string, number>()

  constructor(engine: Engine, watchAccess: WatchAccess) {
    this.engine = engine
    this.#watchAccess = watchAccess
  }

  get stallMillisMax(): number {
    return this.engine.sources.live?.stallMillisMax ?? subscriberStallMillisMax
  }

  /** Before anything is known of who asks: whether the node has room at all. */
  get isFull(): boolean {
    return this.#open.size >= liveSocketsMax
  }

  /** Counts something as open until what is returned is called. */
  open(open: Open): () => void {
    this.#open.add(open)
    return () => void this.#open.delete(open)
  }

  /** Ends it with the access, until what is returned is called. */
  watch(access: Access, open: Open): () => void {
    return this.#watchAccess(access, () => open.endOfAccess())
  }

  /** Lets somebody in who is known now. Throws `LimitExceeded`; returns how to let go. */
  enter(access: Access, open: Open): () => void {
    const mine = this.#openByWhom.get(access.by) ?? 0
    if (mine >= liveSocketsPerTokenMax) {
      const what = "sockets and streams of one token"
      throw exceeded("liveSocketsPerTokenMax", liveSocketsPerTokenMax, mine + 1, what)
    }
    this.#openByWhom.set(access.by, mine + 1)
    const stop = this.watch(access, open)
    return () => {
      stop()
      const left = (this.#openByWhom.get(access.by) ?? 1) - 1
      if (left > 0) this.#openByWhom.set(access.by, left)
      else this.#openByWhom.delete(access.by)
    }
  }

  /** Throws or rejects with typed errors. `after` stands before the argument of that name. */
  async subscribe(
    subscription: Subscription,
    outlet: Outlet,
    after: string | undefined = textOf(subscription.args.after),
  ): Promise<Subscribed> {
    if (this.counts.subscribers >= liveSubscriptionsMax) {
      const value = liveSubscriptionsMax + 1
      throw exceeded("liveSubscriptionsMax", liveSubscriptionsMax, value, "subscriptions")
    }
    // Counted before it is known whether it may be: many may be asked for at once.
    this.counts.subscribers += 1
    try {
      const subscribed = await this.#subscribe(subscription, outlet, after)
      let isLeft = false
      const leave = () => {
        if (isLeft) return
        isLeft = true
        this.counts.subscribers -= 1
        subscribed.leave()
        this.#countGroups()
      }
      return { leave, resume: subscribed.resume }
    } catch (error) {
      this.counts.subscribers -= 1
      throw error
    } finally {
      this.#countGroups()
    }
  }

  /** Ends all that is open. */
  close(): void {
    for (const open of [...this.#open]) open.endWithNode()
  }

  async #subscribe(subscription: Subscription, outlet: Outlet, after: string | undefined) {
    const { access, field, args } = subscription
    switch (field) {
      case "entityChanged":
        return this.#changes(subscription, typesOf(args.types), outlet, after)
      case "actorChanged":
        return this.#latest(subscription, access.tenant ?? "*", undefined, outlet)
      case "sourceProgress":
        return this.#latest(subscription, tenantOf(access), textOf(args.source), outlet)
      default:
        throw new Invalid({ what: field, message: `Nothing is told of ${field}.` })
    }
  }

  async #changes(
    subscription: Subscription,
    types: readonly string[] | undefined,
    outlet: Outlet,
    after: string | undefined,
  ): Promise<Subscribed> {
    const tenant = tenantOf(subscription.access)
    const { live } = this.engine.sources
    if (live === undefined) throw nothingLive()
    const { feed, resumeKey: key } = live
    const place = after === undefined ? undefined : decodeResume(key, { tenant, types }, after)
    const tokenOf = (of: readonly string[] | undefined, position: FeedPosition) =>
      encodeResume(key, { tenant, types: of }, position)
    const { counts } = this
    const make = () => new ChangeHub({ feed, tenant, turns: this.#turns, counts, tokenOf })
    const hub = this.#hub(`entityChanged ${tenant}`, make)
    const subscriber = await joined(hub, () => hub.subscribe(subscription, types, outlet, place))
    return { leave: () => hub.leave(subscriber), resume: () => hub.tokenOf(subscriber) }
  }

  #latest(
    subscription: Subscription,
    tenant: string,
    kind: string | undefined,
    outlet: Outlet,
  ): Subscribed {
    const { node } = this.engine.sources
    if (node === undefined) throw nothingLive()
    const { access, field } = subscription
    const shared = { turns: this.#turns, counts: this.counts }
    const make = () =>
      field === "actorChanged"
        ? new LatestHub({
            look: () => lookOfActors(node.actors(access.tenant)),
            gone: showGoneActor,
            ...shared,
          })
        : new LatestHub({ look: () => lookOfSources(node.progress(), tenant), ...shared })
    const hub = this.#hub(`${field} ${tenant}`, make)
    const subscriber = hub.subscribe(subscription, kind, outlet)
    return { leave: () => hub.leave(subscriber), resume: () => undefined }
  }

  #hub<A extends Hub>(name: string, make: () => A): A {
    const known = this.#hubs.get(name) as A | undefined
    const hub = known ?? make()
    this.#hubs.set(name, hub)
    return hub
  }

  #countGroups(): void {
    this.counts.groups = 0
    for (const [name, hub] of this.#hubs) {
      this.counts.groups += hub.groups.count
      if (hub.groups.count + hub.joining === 0) this.#hubs.delete(name)
    }
  }
}

/** Keeps the hub while somebody is about to join it. */
async function joined<A>(hub: ChangeHub, join: () => A | Promise<A>): Promise<A> {
  hub.joining += 1
  try {
    return await join()
  } finally {
    hub.joining -= 1
  }
}

const nothingLive = () =>
  new Unavailable({ message: "Nothing happens here that could be told of.", retryAfterMillis: 0 })

const textOf = (given: unknown): string | undefined =>
  typeof given === "string" ? given : undefined

/** Sorted and each once, as they are bound into the token. */
function typesOf(given: unknown): readonly string[] | undefined {
  if (!Array.isArray(given)) return undefined
  if (given.length > queryListMax) {
    throw exceeded("queryListMax", queryListMax, given.length, "types")
  }
  return [...new Set(given.map(String))].sort()
}

/** As clients see it where the node has no room for another socket. */
export const socketsExceeded = (): LimitExceeded =>
  exceeded("liveSocketsMax", liveSocketsMax, liveSocketsMax + 1, "open sockets and streams")
