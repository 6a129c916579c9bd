/**
 * Things of which only the newest state matters, such as actors and connectors: looked at every
 * `liveSampleMillis` while somebody subscribes, and told where they look different.
 *
 * Promises: a subscriber is first told each thing as it is, then each that changes; what it is told
 * last of a thing is how the thing is. While its socket has no room it misses states, which are
 * counted and shown as the gap of the next one; what is kept for it is one number per thing.
 */
import { liveSampleMillis, liveTurnBytesMax, liveTurnChangesMax } from "../../protocols/limits.ts"
import { andThen, isPromise } from "../bridge.ts"
import { bytesOf, Frame } from "./frame.ts"
import { type Grouped, Groups } from "./groups.ts"
import type { Subscription } from "./operation.ts"
import type { LiveCounts, Outlet } from "./outlet.ts"
import type { Turns } from "./turns.ts"

/** One look at all things, by their names. */
export type Sample = ReadonlyMap<string, Seen>

export interface Seen {
  /** Differs where the thing looks different. */
  readonly look: string
  /** Of what kind it is, where subscriptions choose by that. */
  readonly kind?: string
  /** The event's root value. */
  readonly show: (gap: number) => unknown
}

export interface LatestHubOptions {
  readonly look: () => Sample
  /** What is told of a thing that is gone; without it nothing is. */
  readonly gone?: (name: string) => (gap: number) => unknown
  readonly turns: Turns
  readonly counts: LiveCounts
}

interface Group extends Grouped<LatestSubscriber> {
  readonly kind: string | undefined
}

export class LatestSubscriber {
  readonly outlet: Outlet
  readonly group: Group
  /** States not told, by name; the newest of them is to be told. */
  readonly untold = new Map<string, number>()
  isTelling = false
  isEnded = false

  constructor(outlet: Outlet, group: Group) {
    this.outlet = outlet
    this.group = group
  }
}

export class LatestHub {
  readonly groups = new Groups<LatestSubscriber, Group>()
  /** To join takes no time. */
  readonly joining = 0
  readonly #options: LatestHubOptions
  #seen: Sample = new Map()
  #timer: NodeJS.Timeout | undefined
  #isLooking = false

  constructor(options: LatestHubOptions) {
    this.#options = options
  }

  subscribe(
    subscription: Subscription,
    kind: string | undefined,
    outlet: Outlet,
  ): LatestSubscriber {
    if (this.#timer === undefined) {
      this.#seen = this.#options.look()
      this.#timer = setInterval(() => void this.#look(), liveSampleMillis)
    }
    const group = this.groups.of(subscription, () => ({ subscription, kind, members: new Set() }))
    const subscriber = new LatestSubscriber(outlet, group)
    group.members.add(subscriber)
    for (const [name, seen] of this.#seen) {
      if (isOf(group, seen)) subscriber.untold.set(name, 1)
    }
    void this.#tellUntold(subscriber)
    return subscriber
  }

  leave(subscriber: LatestSubscriber): void {
    if (subscriber.isEnded) return
    subscriber.isEnded = true
    this.groups.remove(subscriber, subscriber.group)
    if (this.groups.count > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      const before = this.#seen
      const now = this.#options.look()
      this.#seen = now
      const changed = [...now].filter(([name, { look }]) => before.get(name)?.look !== look)
      const gone =
        this.#options.gone === undefined ? [] : [...before].filter(([name]) => !now.has(name))
      for (const group of this.groups.all()) {
        const names = [...changed, ...gone].filter(([, seen]) => isOf(group, seen))
        if (names.length > 0)
          await this.#tell(
            group,
            names.map(([name]) => name),
          )
      }
    } catch (error) {
      for (const { outlet } of this.#members()) outlet.fail(error)
    } finally {
      this.#isLooking = false
    }
  }

  #members(): readonly LatestSubscriber[] {
    return [...this.groups.all()].flatMap(({ members }) => [...members])
  }

  async #tell(group: Group, names: readonly string[]): Promise<void> {
    for (let from = 0; from < names.length; from += liveTurnChangesMax) {
      if (from > 0) await this.#options.turns.next()
      const some = names.slice(from, from + liveTurnChangesMax)
      const frames: Frame[] = []
      for (const name of some) {
        const made = this.#frameOf(group, name, 0)
        frames.push(isPromise(made) ? await made : made)
      }
      const bytes = bytesOf(frames)
      for (const subscriber of group.members) this.#give(subscriber, some, frames, bytes)
    }
  }

  #give(
    subscriber: LatestSubscriber,
    names: readonly string[],
    frames: readonly Frame[],
    bytes: number,
  ): void {
    const { outlet, untold, isTelling } = subscriber
    if (!isTelling && outlet.wire.hasRoom(bytes, frames.length)) {
      this.#options.counts.frames += frames.length
      return outlet.send(frames)
    }
    for (const name of names) untold.set(name, (untold.get(name) ?? 0) + 1)
    if (!isTelling) void this.#tellUntold(subscriber)
  }

  #frameOf(group: Group, name: string, gap: number): Frame | Promise<Frame> {
    this.#options.counts.executions += 1
    const shown = this.#shownOf(name)?.(gap)
    return andThen(group.subscription.execute(shown), (text) => new Frame(text))
  }

  #shownOf(name: string): Seen["show"] | undefined {
    return this.#seen.get(name)?.show ?? this.#options.gone?.(name)
  }

  async #tellUntold(subscriber: LatestSubscriber): Promise<void> {
    const { outlet, untold } = subscriber
    subscriber.isTelling = true
    try {
      while (untold.size > 0 && !isEnded(subscriber)) {
        await this.#options.turns.next()
        if (isEnded(subscriber)) return
        if (!outlet.wire.hasRoom(liveTurnBytesMax, liveTurnChangesMax)) {
          this.#options.counts.catchUps += 1
          return outlet.wire.whenTaken(() => void this.#tellUntold(subscriber))
        }
        const frames = await this.#someUntold(subscriber)
        if (isEnded(subscriber) || frames.length === 0) continue
        this.#options.counts.frames += frames.length
        outlet.send(frames)
      }
      subscriber.isTelling = false
    } catch (error) {
      if (!isEnded(subscriber)) outlet.fail(error)
    }
  }

  async #someUntold({ group, untold }: LatestSubscriber): Promise<readonly Frame[]> {
    const frames: Frame[] = []
    for (const [name, states] of untold) {
      untold.delete(name)
      if (this.#shownOf(name) === undefined) continue
      const frame = await this.#frameOf(group, name, states - 1)
      frames.push(frame)
      if (frames.length >= liveTurnChangesMax || bytesOf(frames) >= liveTurnBytesMax) break
    }
    return frames
  }
}

const isOf = ({ kind }: Group, seen: Seen) => kind === undefined || kind === seen.kind

// A function, since the state may change while something is waited for.
const isEnded = (subscriber: LatestSubscriber): boolean => subscriber.isEnded
