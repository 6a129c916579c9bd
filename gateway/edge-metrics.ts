/**
 * What the edge counts of itself, and what it shows of the node: actors, sources, broken
 * equations.
 */
import type { IntelNode } from "../actors/index.ts"
import type { Counter, Histogram, Metric, MetricRegistry } from "../runtime/index.ts"
import { collectActors } from "../runtime/index.ts"
import type { Engine } from "./execute.ts"
import type { KeptAnswers } from "./kept-answers.ts"
import type { LiveCounts } from "./live/outlet.ts"

/** Seconds. */
const durationBounds = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

export interface EdgeMetrics {
  readonly answered: (route: string, status: number) => Counter
  readonly duration: Histogram
  readonly masked: Counter
  readonly dropped: Counter
}

/** What is kept between requests. */
export interface Caches {
  readonly engine: Engine
  readonly kept: KeptAnswers
}

export function edgeMetrics(registry: MetricRegistry, { engine, kept }: Caches): EdgeMetrics {
  const requests = registry.counter(
    "intelgraph_http_requests_total",
    "HTTP requests by route and status.",
    ["route", "status"],
  )
  const cache = registry.counter(
    "intelgraph_graphql_documents_total",
    "Documents by whether they were known.",
    ["found"],
  )
  const executed = registry.counter("intelgraph_graphql_executions_total", "Operations by how.", [
    "how",
  ])
  const named = registry.counter(
    "intelgraph_persisted_documents_total",
    "Documents that were named, by whether they were known; and those left by clients.",
    ["what"],
  )
  const left = registry.gauge("intelgraph_persisted_documents", "Documents that clients have left.")
  const answers = registry.counter(
    "intelgraph_kept_answers_total",
    "Queries by GET by whether their answer was kept.",
    ["found"],
  )
  const held = registry.gauge("intelgraph_kept_answers", "Answers that are kept.")
  const length = registry.gauge("intelgraph_kept_answers_characters", "Characters of them.")
  registry.onCollect(() => {
    const { documents, persisted } = engine
    cache.with("hit").observe(documents.hits)
    cache.with("miss").observe(documents.misses)
    executed.with("compiled").observe(engine.compiled)
    executed.with("interpreted").observe(engine.interpreted)
    named.with("found").observe(persisted.found)
    named.with("not found").observe(persisted.notFound)
    named.with("left").observe(persisted.kept)
    left.with().set(persisted.count)
    answers.with("hit").observe(kept.hits)
    answers.with("miss").observe(kept.misses)
    held.with().set(kept.recent.count)
    length.with().set(kept.recent.length)
  })
  return {
    answered: countersOf(requests),
    duration: registry
      .histogram("intelgraph_graphql_duration_seconds", "Duration of requests.", durationBounds)
      .with(),
    masked: registry
      .counter("intelgraph_errors_masked_total", "Errors whose reason is in the log only.")
      .with(),
    dropped: registry
      .counter("intelgraph_http_connections_dropped_total", "Connections over the bound.")
      .with(),
  }
}

/** The series of each route and status, looked up by its labels once. */
function countersOf(requests: Metric<Counter>): EdgeMetrics["answered"] {
  const known = new Map<string, Map<number, Counter>>()
  return (route, status) => {
    const counter = known.get(route)?.get(status)
    if (counter !== undefined) return counter
    const made = requests.with(route, String(status))
    known.set(route, (known.get(route) ?? new Map<number, Counter>()).set(status, made))
    return made
  }
}

/** What is live: who is there now, and how much of the sending was shared. */
export function liveMetrics(registry: MetricRegistry, counts: LiveCounts): void {
  const open = registry.gauge("intelgraph_live_open", "Open sockets, streams, subscriptions.", [
    "what",
  ])
  const total = registry.counter("intelgraph_live_total", "What subscriptions made happen.", [
    "what",
  ])
  registry.onCollect(() => {
    for (const what of ["sockets", "streams", "subscribers", "groups"] as const) {
      open.with(what).set(counts[what])
    }
    for (const what of ["executions", "frames", "catchUps", "stalled", "expired"] as const) {
      total.with(what).observe(counts[what])
    }
  })
}

export function nodeMetrics(registry: MetricRegistry, node: IntelNode): void {
  collectActors(registry, () => node.actors())
  const labels = ["tenant", "source"]
  const records = registry.counter("intelgraph_records_total", "Records of current runs.", [
    ...labels,
    "outcome",
  ])
  const rate = registry.gauge("intelgraph_records_per_second", "Records read per second.", labels)
  const depth = registry.gauge("intelgraph_mailbox_blocks", "Blocks that wait.", ["tenant"])
  const refused = registry.counter("intelgraph_blocks_refused_total", "Refused blocks.", labels)
  const broken = registry.gauge("intelgraph_broken_equations", "Counts that do not add up.")
  registry.onCollect(() => {
    for (const metric of [records, rate, depth, refused]) metric.clear()
    for (const { tenant, source, counters, ...run } of node.progress()) {
      for (const [outcome, total] of Object.entries(counters)) {
        records.with(tenant, source, outcome).add(total)
      }
      rate.with(tenant, source).set(run.seconds > 0 ? counters.read / run.seconds : 0)
      refused.with(tenant, source).add(run.refusedBlocks)
      depth.with(tenant).set(run.mailboxDepth)
    }
    broken.with().set(node.brokenEquations().length)
  })
}
