/** Answers of the graph that take long, kept in Redis for all nodes where it is named. */
import * as Effect from "effect/Effect"
import type { Logger, MetricRegistry } from "../runtime/index.ts"
import { type CacheFigures, type GraphView, openRedisCache, withKept } from "../stores/index.ts"
import type { Settings } from "./configuration.ts"

interface Watch {
  readonly logger: Logger
  readonly metrics: MetricRegistry
}

/** The same graph; without a Redis as it is. */
export const keepingAnswers = Effect.fnUntraced(function* <G extends GraphView>(
  { redis: { value: url } }: Pick<Settings, "redis">,
  graph: G,
  { logger, metrics }: Watch,
) {
  if (url === undefined) return graph
  const cache = yield* openRedisCache({ url: url.reveal() })
  showFigures(metrics, cache.figures)
  return withKept(graph, cache, () =>
    logger.warn("Redis does not answer; it is done without.", { redis: `${url}` }),
  )
})

function showFigures(metrics: MetricRegistry, figures: () => CacheFigures): void {
  const answers = metrics.counter(
    "intelgraph_shared_answers_total",
    "Answers asked of Redis: found, made, and of those made the ones that it did not keep.",
    ["how"],
  )
  const failures = metrics.counter(
    "intelgraph_shared_answers_failures_total",
    "Times that Redis did not answer.",
  )
  metrics.onCollect(() => {
    const { hits, made, unkept, failures: failed } = figures()
    answers.with("found").observe(hits)
    answers.with("made").observe(made)
    answers.with("unkept").observe(unkept)
    failures.with().observe(failed)
  })
}
