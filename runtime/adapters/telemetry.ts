/**
 * Spans of turns by OpenTelemetry, where somebody asked for them.
 *
 * Promises: a turn that was looked at becomes one span with its address, size and outcome; spans
 * wait in a bounded queue and are lost, not waited for, where the exporter is slow or fails:
 * telemetry never holds up a turn. The library is loaded only here and only then, so that a node
 * without spans starts without it.
 */
import type { Tracer } from "@opentelemetry/api"
import type { SpanExporter } from "@opentelemetry/sdk-trace-node"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { formatAddress } from "../../protocols/address.ts"
import {
  metricLabelLengthMax,
  spanExportMillisMax,
  spansPerExportMax,
  spansQueuedMax,
} from "../../protocols/limits.ts"
import type { TurnSample } from "../core/observer.ts"
import { spanFile } from "./span-file.ts"

type OnSample = (sample: TurnSample) => void

/** Makes a span of each sample until the scope closes, then hands the rest to the exporter. */
export const spansOfTurns = (exporter: SpanExporter): Effect.Effect<OnSample, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => makeProvider(exporter)),
      // An exporter that cannot take the last spans is no reason to fail the node's end.
      (provider) => Effect.promise(() => provider.shutdown().catch(() => undefined)),
    ),
    (provider) => {
      const tracer = provider.getTracer("intelgraph")
      return (sample) => recordTurn(tracer, sample)
    },
  )

/** The same into a file of JSON lines, for a look without a server. */
export const spansToFile = (path: string): Effect.Effect<OnSample, never, Scope.Scope> =>
  spansOfTurns(spanFile(path))

/** Turns are sampled before they come here, so every span is kept. */
async function makeProvider(exporter: SpanExporter) {
  const sdk = await import("@opentelemetry/sdk-trace-node")
  return new sdk.NodeTracerProvider({
    sampler: new sdk.AlwaysOnSampler(),
    spanLimits: { attributeValueLengthLimit: metricLabelLengthMax },
    spanProcessors: [
      new sdk.BatchSpanProcessor(exporter, {
        maxQueueSize: spansQueuedMax,
        maxExportBatchSize: spansPerExportMax,
        exportTimeoutMillis: spanExportMillisMax,
      }),
    ],
  })
}

/** `SpanKind.CONSUMER` and `SpanStatusCode.ERROR`, whose values the specification fixes. */
const consumer = 4
const failed = 2

function recordTurn(tracer: Tracer, sample: TurnSample): void {
  const { address, startMicros, durationMillis } = sample
  const startMillis = startMicros / 1000
  const span = tracer.startSpan(`turn ${address.kind}`, {
    kind: consumer,
    startTime: startMillis,
    attributes: {
      "intelgraph.address": formatAddress(address),
      "intelgraph.tenant": address.tenant,
      "intelgraph.kind": address.kind,
      "intelgraph.messages": sample.messages,
    },
  })
  if (sample.outcome === "failed") span.setStatus({ code: failed })
  span.end(startMillis + durationMillis)
}
