/**
 * Mailboxes of the whole tree as metrics, summed per tenant and kind so that their number is
 * bounded.
 */
import type { MailboxCounters } from "../../protocols/counters.ts"
import { pendingOf } from "../../protocols/counters.ts"
import type { ActorView } from "../core/actor.ts"
import type { MetricRegistry } from "./registry.ts"

const outcomes = [
  "offered",
  "admitted",
  "refused",
  "handled",
  "deadLettered",
  "expired",
  "shed",
] as const satisfies readonly (keyof MailboxCounters)[]

interface Sum {
  readonly tenant: string
  readonly kind: string
  actors: number
  restarts: number
  pending: number
  readonly totals: Map<(typeof outcomes)[number], number>
}

/** Registers the metrics; `tree` is asked at each reading. */
export function collectActors(registry: MetricRegistry, tree: () => ActorView): void {
  const labels = ["tenant", "kind"]
  const actors = registry.gauge("intelgraph_actors", "Actors that exist.", labels)
  const pending = registry.gauge(
    "intelgraph_mailbox_pending",
    "Messages that wait or are being handled.",
    labels,
  )
  const restarts = registry.counter(
    "intelgraph_actor_restarts_total",
    "Restarts by supervisors.",
    labels,
  )
  const messages = registry.counter(
    "intelgraph_mailbox_messages_total",
    "Messages by what became of them.",
    [...labels, "outcome"],
  )
  registry.onCollect(() => {
    for (const metric of [actors, pending, restarts, messages]) metric.clear()
    for (const sum of sumsOf(tree())) {
      actors.with(sum.tenant, sum.kind).add(sum.actors)
      pending.with(sum.tenant, sum.kind).add(sum.pending)
      restarts.with(sum.tenant, sum.kind).add(sum.restarts)
      for (const [outcome, total] of sum.totals) {
        messages.with(sum.tenant, sum.kind, snakeCase(outcome)).add(total)
      }
    }
  })
}

function sumsOf(root: ActorView): Iterable<Sum> {
  const sums = new Map<string, Sum>()
  const left: ActorView[] = [root]
  for (let view = left.pop(); view !== undefined; view = left.pop()) {
    addTo(sumOf(sums, view), view)
    if (!isSum(view)) left.push(...view.children)
  }
  return sums.values()
}

/** Virtual actors of a kind are one view already; those below it are in its sums. */
const isSum = (view: ActorView) => view.address.key === "*"

function sumOf(sums: Map<string, Sum>, view: ActorView): Sum {
  const { tenant, kind } = view.address
  const key = `${tenant}/${kind}`
  const known = sums.get(key)
  if (known !== undefined) return known
  const sum = { tenant, kind, actors: 0, restarts: 0, pending: 0, totals: new Map() }
  sums.set(key, sum)
  return sum
}

function addTo(sum: Sum, view: ActorView): void {
  sum.actors += 1
  sum.restarts += view.restarts
  sum.pending += pendingOf(view.counters)
  for (const outcome of outcomes) {
    sum.totals.set(outcome, (sum.totals.get(outcome) ?? 0) + view.counters[outcome])
  }
}

const snakeCase = (name: string) =>
  name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
