/** Resolvers of what the graph holds, of dead letters, and of the node's actors. */

import { formatAddress } from "../protocols/address.ts"
import { pendingOf } from "../protocols/counters.ts"
import { formatRun } from "../protocols/event.ts"
import type { ActorView } from "../runtime/index.ts"
import type { DeadLetter, Page, SourceSummary } from "../stores/index.ts"
import { pageOf } from "./arguments.ts"
import { andThen } from "./bridge.ts"
import { spendPage } from "./resolve-graph.ts"
import { type Resolvers, resolver } from "./resolver.ts"

const stats = resolver((_: unknown, __: unknown, context) =>
  context.read(context.sources.reads.counts(context.tenant)),
)

const sources = resolver((_: unknown, __: unknown, context) =>
  andThen(
    context.read(context.sources.reads.sources(context.tenant)),
    (summaries: readonly SourceSummary[]) =>
      context.spend(summaries).map(({ counters, ...summary }) => ({ ...counters, ...summary })),
  ),
)

interface DeadLettersArguments {
  readonly source?: string | null
  readonly reason?: string | null
  readonly first: number
  readonly after?: string | null
}

const deadLetters = resolver((_: unknown, given: DeadLettersArguments, context) => {
  const query = {
    ...(given.source == null ? {} : { source: given.source }),
    ...(given.reason == null ? {} : { reason: given.reason }),
  }
  const { reads } = context.sources
  const found = context.read(reads.deadLetters(context.tenant, query, pageOf(given)))
  return andThen(found, (page: Page<DeadLetter>) => spendPage<DeadLetter>(context)(page))
})

const runOf = resolver((of: DeadLetter) => formatRun(of.run))

const bytesOf = resolver((of: DeadLetter, given: { readonly max: number }) =>
  Buffer.from(of.bytes.subarray(0, given.max)).toString("base64"),
)

const actors = resolver((_: unknown, __: unknown, context) => {
  const { node } = context.sources
  return node === undefined ? null : node.actors(context.access.tenant)
})

const children = resolver((of: ActorView, _: unknown, context) => context.spend(of.children))

const mailbox = resolver((of: ActorView) => ({ ...of.counters, pending: pendingOf(of.counters) }))

export const nodeResolvers: Resolvers = {
  "Query.stats": stats,
  "Query.deadLetters": deadLetters,
  "Query.actors": actors,
  "Stats.sources": sources,
  "DeadLetter.run": runOf,
  "DeadLetter.bytes": bytesOf,
  "Actor.address": resolver((of: ActorView) => formatAddress(of.address)),
  "Actor.tenant": resolver((of: ActorView) => of.address.tenant),
  "Actor.kind": resolver((of: ActorView) => of.address.kind),
  "Actor.key": resolver((of: ActorView) => of.address.key),
  "Actor.lastError": resolver((of: ActorView) => of.lastError ?? null),
  "Actor.mailbox": mailbox,
  "Actor.children": children,
}
