/** Resolvers of what can be subscribed to, and of what a client goes on from. */
import { Unavailable } from "../protocols/errors.ts"
import { entityId } from "../protocols/graph.ts"
import type { EntityChange, FeedPosition } from "../stores/index.ts"
import { encodeResume } from "./feed/resume-token.ts"
import { shownProgress } from "./live/looks.ts"
import { type Resolvers, resolver } from "./resolver.ts"

const progress = resolver((_: unknown, __: unknown, context) => {
  const { tenant, sources } = context
  const all = sources.node?.progress() ?? []
  const mine = all.filter((one) => one.tenant === tenant)
  return context.spend(mine).map((one) => shownProgress(one, 0))
})

/** Where the feed ended before the page was read. */
interface PlacedPage {
  readonly place: FeedPosition | undefined
}

const resumeOfPage = resolver(({ place }: PlacedPage, _: unknown, { tenant, sources }) => {
  if (place === undefined || sources.live === undefined) throw noFeed()
  return encodeResume(sources.live.resumeKey, { tenant, types: "any" }, place)
})

const noFeed = () =>
  new Unavailable({
    message: "Nothing tells of changes here: the data directory is read without its node.",
    retryAfterMillis: 0,
  })

export const liveResolvers: Resolvers = {
  "Query.progress": progress,
  "EntityPage.resume": resumeOfPage,
  "EntityChange.kind": resolver(({ kind }: EntityChange) => kind.toUpperCase()),
  "EntityChange.id": resolver(({ type, key }: EntityChange) => entityId(type, key)),
}
