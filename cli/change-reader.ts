/**
 * Reads a tenant's change feed for the command line: a snapshot and what has happened since, or
 * what is behind a place, a page at a time. Nothing is told twice and nothing left out; what is
 * held does not grow with the graph or the feed.
 */
import * as Effect from "effect/Effect"
import { type IntelGraphError, ResumeExpired } from "../protocols/errors.ts"
import { changesLookMillis, changesPageMax, pageSizeMax } from "../protocols/limits.ts"
import { compareUtf8 } from "../protocols/visible.ts"
import type {
  ChangeFeedShape,
  ChangesPage,
  EntityChange,
  FeedPosition,
  VisibleEntity,
} from "../stores/index.ts"
import { ShownPages } from "./shown-pages.ts"

export interface ChangeOutput {
  readonly entity: (entity: VisibleEntity) => void
  /** The entities that were shown, with the changes told since, are the graph of this moment. */
  readonly snapshotEnds: (revision: number, place: FeedPosition) => void
  readonly change: (change: EntityChange) => void
  /** Completes when there is room for more. */
  readonly taken: Effect.Effect<void>
}

export interface ChangeReading {
  readonly feed: ChangeFeedShape
  readonly tenant: string
  /** Sorted; `undefined` for all. */
  readonly types: readonly string[] | undefined
  /** Changes after which it ends. */
  readonly changesMax: number
  /** Waits at the feed's end for more, for ever. */
  readonly follows: boolean
  readonly output: ChangeOutput
  readonly tokenOf: (place: FeedPosition) => string
}

export class ChangeReader {
  readonly #reading: ChangeReading
  #told = 0
  /** Behind all that was told; before the end of a snapshot there is none to go on from. */
  place: FeedPosition | undefined

  constructor(reading: ChangeReading) {
    this.#reading = reading
  }

  /** All that is visible, then what changes. */
  readonly snapshot = (): Effect.Effect<void, IntelGraphError> =>
    Effect.gen({ self: this }, function* () {
      const { feed, tenant, types } = this.#reading
      const begin = yield* feed.position(tenant)
      const shown = new ShownPages()
      const inOrder = types === undefined ? [undefined] : [...types].sort(compareUtf8)
      for (const type of inOrder) yield* this.#show(type, shown)
      const place = yield* this.#catchUp(begin, shown)
      this.#reading.output.snapshotEnds(shown.revision, place)
      yield* this.behind(place)
    })

  /** What is behind a place. */
  readonly behind = (from: FeedPosition): Effect.Effect<void, IntelGraphError> =>
    Effect.gen({ self: this }, function* () {
      const { follows, changesMax, output } = this.#reading
      for (let place = from; this.#told < changesMax; ) {
        this.place = place
        const first = Math.min(changesPageMax, changesMax - this.#told)
        const page: ChangesPage = yield* this.#page(place, first)
        for (const change of page.changes) output.change(change)
        this.#told += page.changes.length
        this.place = place = page.position
        yield* output.taken
        if (page.hasMore) continue
        if (!follows) return
        yield* Effect.sleep(changesLookMillis)
      }
    })

  readonly #show = (
    type: string | undefined,
    shown: ShownPages,
  ): Effect.Effect<void, IntelGraphError> =>
    Effect.gen({ self: this }, function* () {
      const { feed, tenant, output } = this.#reading
      const query = type === undefined ? {} : { type }
      let after: string | undefined
      for (;;) {
        const request = { first: pageSizeMax, ...(after === undefined ? {} : { after }) }
        const page = yield* feed.snapshot(tenant, query, request)
        for (const entity of page.items) output.entity(entity)
        yield* output.taken
        const last = page.items.at(-1)
        if (!page.hasMore || last === undefined) return shown.upToEnd(type, page.revision)
        shown.upTo(last, page.revision)
        after = page.end
      }
    })

  /**
   * Tells what the pages do not show yet, up to the moment of the last one: the place behind it.
   * What of it there is counts as a part of the snapshot.
   */
  readonly #catchUp = (
    begin: FeedPosition,
    shown: ShownPages,
  ): Effect.Effect<FeedPosition, IntelGraphError> =>
    Effect.gen({ self: this }, function* () {
      const { output } = this.#reading
      for (let place = begin; ; ) {
        const page = yield* this.#page(place, changesPageMax)
        for (const change of page.changes) {
          if (change.revision > shown.revision) return place
          if (!shown.has(change)) output.change(change)
          place = change.position
        }
        place = page.position
        yield* output.taken
        if (!page.hasMore) return place
      }
    })

  #page(after: FeedPosition, first: number) {
    const { feed, tenant, types, tokenOf } = this.#reading
    return Effect.flatMap(
      feed.changes(tenant, types === undefined ? {} : { types }, { first, after }),
      (page) => {
        if (page !== undefined) return Effect.succeed(page)
        return Effect.flatMap(feed.position(tenant), (now) => Effect.fail(expired(tokenOf(now))))
      },
    )
  }
}

const expired = (resume: string) =>
  new ResumeExpired({
    resume,
    message: "The changes behind this place are not kept any more.",
    next: "Begin anew with --snapshot in place of --after.",
  })
