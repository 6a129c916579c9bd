/** Metrics of the process: event loop delay, memory, CPU time. */
import { monitorEventLoopDelay } from "node:perf_hooks"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { eventLoopResolutionMillis } from "../../protocols/limits.ts"
import type { MetricRegistry } from "../telemetry/registry.ts"

const nanosPerSecond = 1e9
const quantiles = [50, 90, 99, 100]

/** Registers the metrics and measures until the scope closes. Delays are since the last reading. */
export const collectProcess = (registry: MetricRegistry): Effect.Effect<void, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const delay = monitorEventLoopDelay({ resolution: eventLoopResolutionMillis })
        delay.enable()
        return delay
      }),
      (delay) => Effect.sync(() => delay.disable()),
    ),
    (delay) => register(registry, delay),
  )

function register(registry: MetricRegistry, delay: ReturnType<typeof monitorEventLoopDelay>): void {
  const delays = registry.gauge(
    "intelgraph_event_loop_delay_seconds",
    "Delay of the event loop since the last reading, by quantile.",
    ["quantile"],
  )
  const memory = registry.gauge("intelgraph_memory_bytes", "Memory of the process.", ["part"])
  const cpu = registry.counter("intelgraph_cpu_seconds_total", "CPU time of the process.", ["mode"])
  const uptime = registry.gauge("intelgraph_uptime_seconds", "Time since the process began.")
  registry.onCollect(() => {
    for (const quantile of quantiles) {
      const nanos = delay.count > 0 ? delay.percentile(quantile) : 0
      delays.with(String(quantile / 100)).set(nanos / nanosPerSecond)
    }
    delay.reset()
    const { rss, heapUsed, heapTotal, external } = process.memoryUsage()
    const parts = { rss, heap_used: heapUsed, heap_total: heapTotal, external }
    for (const [part, bytes] of Object.entries(parts)) memory.with(part).set(bytes)
    const { user, system } = process.cpuUsage()
    cpu.with("user").observe(user / 1e6)
    cpu.with("system").observe(system / 1e6)
    uptime.with().set(process.uptime())
  })
}
