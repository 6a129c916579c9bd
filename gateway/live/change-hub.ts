/**
 * The changes of one tenant's entities, told to all who subscribe to them.
 *
 * Promises: each subscriber is sent every change behind the place where it began, once and in
 * order, or its subscription ends with an error that says from where to go on. Live subscribers are
 * told together: the feed is read once, each group's selection executed once per change, and the
 * bytes shared. One whose socket has no room leaves the others, holds nothing but its place, and is
 * read to from the feed when its socket has taken all; at the feed's end it joins the others again.
 *
 * Why nothing is lost or doubled at the joint: a subscriber joins only where its place is not
 * before the hub's, never while changes are being sent, and skips what it has seen; the hub looks
 * at the feed once more after every joining.
 *
 * What may fail beneath: reads of the store, which end the subscriptions that they were for with a
 * masked error. Nothing here throws into whoever commits.
 */
import { ResumeExpired } from "../../protocols/errors.ts"
import { liveTurnBytesMax, liveTurnChangesMax, liveTurnMillisMax } from "../../protocols/limits.ts"
import type {
  ChangeFeedShape,
  ChangesPage,
  EntityChange,
  FeedPosition,
} from "../../stores/index.ts"
import { andThen, isPromise, run } from "../bridge.ts"
import { bytesOf, Frame } from "./frame.ts"
import { type Grouped, Groups } from "./groups.ts"
import type { Subscription } from "./operation.ts"
import type { LiveCounts, Outlet } from "./outlet.ts"
import { covers } from "./position.ts"
import type { Turns } from "./turns.ts"

/** The root value of `entityChanged`. */
export interface ShownChange extends EntityChange {
  readonly resume: string
}

interface Group extends Grouped<ChangeSubscriber> {
  readonly types: readonly string[] | undefined
  readonly live: Set<ChangeSubscriber>
}

/** How a subscriber is given its changes now. */
type State = "catching up" | "waiting" | "live" | "ended"

export class ChangeSubscriber {
  readonly outlet: Outlet
  readonly group: Group
  /** Behind the last change that was sent, or looked at and not of its types. */
  place: FeedPosition
  state: State = "catching up"
  /** It has seen more than the hub when it joined. */
  isAhead = false

  constructor(outlet: Outlet, group: Group, place: FeedPosition) {
    this.outlet = outlet
    this.group = group
    this.place = place
  }
}

export interface ChangeHubOptions {
  readonly feed: ChangeFeedShape
  readonly tenant: string
  readonly turns: Turns
  readonly counts: LiveCounts
  readonly tokenOf: (types: readonly string[] | undefined, place: FeedPosition) => string
}

export class ChangeHub {
  readonly groups = new Groups<ChangeSubscriber, Group>()
  /** Those of whose places it is not known yet whether they are kept. */
  joining = 0
  readonly #options: ChangeHubOptions
  /** Behind the last change that was told to the live ones; of no meaning without any. */
  #place: FeedPosition | undefined
  #live = 0
  #isAwake = false
  #isSending = false
  #hasMore = false
  #stopWatching: (() => void) | undefined

  constructor(options: ChangeHubOptions) {
    this.#options = options
  }

  /**
   * Begins behind `after`, or without one at the feed's end as it is now. Throws or rejects with
   * `ResumeExpired` where that place is kept no more.
   */
  subscribe(
    subscription: Subscription,
    types: readonly string[] | undefined,
    outlet: Outlet,
    after: FeedPosition | undefined,
  ): ChangeSubscriber | Promise<ChangeSubscriber> {
    return andThen(after === undefined ? this.#end() : this.#kept(types, after), (place) => {
      // With the group, since the last of all may have left meanwhile; what was committed by now
      // is found when the subscriber joins.
      this.#stopWatching ??= this.#options.feed.watch(this.#options.tenant, () => this.#wake())
      const group = this.groups.of(subscription, () => groupOf(subscription, types))
      const subscriber = new ChangeSubscriber(outlet, group, place)
      group.members.add(subscriber)
      if (after === undefined) this.#join(subscriber)
      if (subscriber.state !== "live") void this.#catchUp(subscriber)
      return subscriber
    })
  }

  leave(subscriber: ChangeSubscriber): void {
    const { group, state } = subscriber
    if (state === "ended") return
    this.#setState(subscriber, "ended")
    this.groups.remove(subscriber, group)
    if (this.groups.count > 0) return
    this.#stopWatching?.()
    this.#stopWatching = undefined
  }

  /** The token by which the subscriber goes on. */
  tokenOf = ({ group, place }: ChangeSubscriber): string =>
    this.#options.tokenOf(group.types, place)

  #end(): FeedPosition | Promise<FeedPosition> {
    return run(this.#options.feed.position(this.#options.tenant))
  }

  async #kept(types: readonly string[] | undefined, after: FeedPosition): Promise<FeedPosition> {
    if ((await this.#read(types, after, 1)) === undefined) throw await this.#expired(types)
    return after
  }

  #expired(types: readonly string[] | undefined) {
    this.#options.counts.expired += 1
    return andThen(this.#end(), (end) => {
      const message = "The changes behind this resume token are not kept any more."
      return new ResumeExpired({ message, resume: this.#options.tokenOf(types, end) })
    })
  }

  #read(types: readonly string[] | undefined, after: FeedPosition, first = liveTurnChangesMax) {
    const { feed, tenant } = this.#options
    return run(feed.changes(tenant, types === undefined ? {} : { types }, { first, after }))
  }

  #setState(subscriber: ChangeSubscriber, state: State): void {
    const { live } = subscriber.group
    if (subscriber.state === "live") {
      live.delete(subscriber)
      this.#live -= 1
    }
    if (state === "live") {
      live.add(subscriber)
      this.#live += 1
    }
    subscriber.state = state
  }

  /** Only at the feed's end, by what was read just now. */
  #join(subscriber: ChangeSubscriber): boolean {
    if (this.#isSending) return false
    if (this.#live === 0) this.#place = subscriber.place
    const at = this.#place
    if (at === undefined || !covers(subscriber.place, at)) return false
    subscriber.isAhead = !covers(at, subscriber.place)
    this.#setState(subscriber, "live")
    this.#wake()
    return true
  }

  // Several commits of one round of the event loop are looked at together.
  #wake(): void {
    if (this.#live === 0) return
    this.#hasMore = true
    if (this.#isAwake) return
    this.#isAwake = true
    setImmediate(() => void this.#tellAll())
  }

  async #tellAll(): Promise<void> {
    try {
      while (this.#hasMore && this.#live > 0 && this.#place !== undefined) {
        this.#hasMore = false
        const from: FeedPosition = this.#place
        const types = this.#typesWanted()
        const read = this.#read(types, from)
        const page = isPromise(read) ? await read : read
        if (page === undefined) await this.#expireAll()
        else if (this.#place === from && !this.#wantsOthersThan(types)) await this.#tell(page)
        else this.#hasMore = true
        if (this.#hasMore) await this.#options.turns.next()
      }
    } catch (error) {
      this.#failAll(error)
    } finally {
      this.#isAwake = false
    }
  }

  /** What the live groups want to see together; `undefined` for all. */
  #typesWanted(): readonly string[] | undefined {
    const wanted = new Set<string>()
    for (const { types, live } of this.groups.all()) {
      if (live.size === 0) continue
      if (types === undefined) return undefined
      for (const type of types) wanted.add(type)
    }
    return [...wanted]
  }

  /** Somebody has joined while a page was read without the types that it wants. */
  #wantsOthersThan(types: readonly string[] | undefined): boolean {
    if (types === undefined) return false
    const now = this.#typesWanted()
    return now === undefined || now.some((type) => !types.includes(type))
  }

  async #tell(page: ChangesPage): Promise<void> {
    this.#isSending = true
    try {
      const groups = [...this.groups.all()].filter(({ live }) => live.size > 0)
      const batches = groups.map((): Frame[] => [])
      const limit = turnLimit()
      let place = page.position
      for (const [at, change] of page.changes.entries()) {
        for (const [index, group] of groups.entries()) {
          if (group.types !== undefined && !group.types.includes(change.type)) continue
          const made = this.#frameOf(group, change)
          const frame = isPromise(made) ? await made : made
          batches[index]?.push(frame)
          limit.spent(frame)
        }
        if (!limit.isReached() || at === page.changes.length - 1) continue
        place = change.position
        this.#hasMore = true
        break
      }
      for (const [index, group] of groups.entries()) {
        const frames = batches[index] ?? []
        const bytes = bytesOf(frames)
        for (const subscriber of group.live) this.#give(subscriber, frames, bytes, place)
      }
      this.#place = place
      this.#hasMore ||= page.hasMore
    } finally {
      this.#isSending = false
    }
  }

  #frameOf({ subscription, types }: Group, change: EntityChange): Frame | Promise<Frame> {
    this.#options.counts.executions += 1
    const resume = this.#options.tokenOf(types, change.position)
    const shown: ShownChange = { ...change, resume }
    return andThen(
      subscription.execute(shown),
      (text) => new Frame(text, change.position, () => resume),
    )
  }

  #give(
    subscriber: ChangeSubscriber,
    frames: readonly Frame[],
    bytes: number,
    place: FeedPosition,
  ): void {
    const { isAhead, outlet } = subscriber
    if (!outlet.wire.hasRoom(bytes, frames.length)) return this.#wait(subscriber)
    const seen = subscriber.place
    const unseen = isAhead
      ? frames.filter(({ position }) => position === undefined || !covers(seen, position))
      : frames
    if (unseen.length > 0) this.#send(subscriber, unseen)
    if (isAhead && !covers(place, seen)) return
    subscriber.place = place
    subscriber.isAhead = false
  }

  #send({ outlet }: ChangeSubscriber, frames: readonly Frame[]): void {
    this.#options.counts.frames += frames.length
    outlet.send(frames)
  }

  /** Until the socket has taken all, nothing is held for it but its place. */
  #wait(subscriber: ChangeSubscriber): void {
    this.#options.counts.catchUps += 1
    this.#setState(subscriber, "waiting")
    subscriber.outlet.wire.whenTaken(() => {
      if (subscriber.state !== "waiting") return
      this.#setState(subscriber, "catching up")
      void this.#catchUp(subscriber)
    })
  }

  async #catchUp(subscriber: ChangeSubscriber): Promise<void> {
    const { group, outlet } = subscriber
    try {
      while (subscriber.state === "catching up") {
        await this.#options.turns.next()
        if (subscriber.state !== "catching up") return
        const page = await this.#read(group.types, subscriber.place)
        if (page === undefined) throw await this.#expired(group.types)
        const { frames, place } = await this.#pageFrames(group, page)
        if (!isCatchingUp(subscriber)) return
        if (!outlet.wire.hasRoom(bytesOf(frames), frames.length)) return this.#wait(subscriber)
        if (frames.length > 0) this.#send(subscriber, frames)
        subscriber.place = place
        if (place === page.position && !page.hasMore) this.#join(subscriber)
      }
    } catch (error) {
      if (isCatchingUp(subscriber)) outlet.fail(error)
    }
  }

  /** As many of a page's changes as a turn takes. */
  async #pageFrames(group: Group, page: ChangesPage) {
    const frames: Frame[] = []
    const limit = turnLimit()
    for (const [at, change] of page.changes.entries()) {
      const frame = await this.#frameOf(group, change)
      frames.push(frame)
      limit.spent(frame)
      if (limit.isReached() && at < page.changes.length - 1) {
        return { frames, place: change.position }
      }
    }
    return { frames, place: page.position }
  }

  async #expireAll(): Promise<void> {
    for (const group of this.groups.all()) {
      if (group.live.size === 0) continue
      const error = await this.#expired(group.types)
      for (const { outlet } of [...group.live]) outlet.fail(error)
    }
  }

  #failAll(error: unknown): void {
    for (const { live } of [...this.groups.all()]) {
      for (const { outlet } of [...live]) outlet.fail(error)
    }
  }
}

const groupOf = (subscription: Subscription, types: readonly string[] | undefined): Group => ({
  subscription,
  types,
  members: new Set(),
  live: new Set(),
})

// A function, since the state may change while something is waited for.
const isCatchingUp = ({ state }: ChangeSubscriber): boolean => state === "catching up"

/** What one turn may send and how long it may take; at least one change in any case. */
function turnLimit() {
  const endMillis = performance.now() + liveTurnMillisMax
  let bytes = 0
  return {
    spent: ({ payload }: Frame) => {
      bytes += payload.length
    },
    isReached: () => bytes >= liveTurnBytesMax || performance.now() >= endMillis,
  }
}
