/**
 * Spans as JSON lines in a file of bounded size; further ones are dropped. For a look without a
 * server.
 */
import { appendFile } from "node:fs/promises"
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-node"
import { spanFileBytesMax } from "../../protocols/limits.ts"

type Export = Parameters<SpanExporter["export"]>[1]

/** The file is appended to; what this process writes to it is at most `spanFileBytesMax`. */
export function spanFile(path: string): SpanExporter {
  let bytesLeft = spanFileBytesMax
  let last: Promise<void> = Promise.resolve()
  return {
    export: (spans: ReadableSpan[], done: Export) => {
      const text = spans.map((span) => `${JSON.stringify(shown(span))}\n`).join("")
      bytesLeft -= Buffer.byteLength(text)
      if (bytesLeft < 0) return done({ code: 1 })
      last = appendFile(path, text, { mode: 0o600 }).then(
        () => done({ code: 0 }),
        (error: Error) => done({ code: 1, error }),
      )
    },
    shutdown: () => last,
  }
}

const seconds = ([whole, nanos]: readonly [number, number]) => whole + nanos / 1e9

const shown = (span: ReadableSpan) => ({
  traceId: span.spanContext().traceId,
  spanId: span.spanContext().spanId,
  name: span.name,
  startUnixSeconds: seconds(span.startTime),
  durationSeconds: seconds(span.duration),
  failed: span.status.code === 2,
  attributes: span.attributes,
})
