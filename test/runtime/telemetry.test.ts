import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { InMemorySpanExporter } from "@opentelemetry/sdk-trace-node"
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { describe, expect, it, vi } from "vitest"
import type { MailboxCounters } from "../../protocols/counters.ts"
import { metricSeriesMax } from "../../protocols/limits.ts"
import type { ActorView, TurnSample } from "../../runtime/index.ts"
import {
  collectActors,
  collectProcess,
  MetricRegistry,
  observeTurns,
  renderPrometheus,
  spansOfTurns,
  spansToFile,
} from "../../runtime/index.ts"
import { parsePrometheus } from "../support/prometheus.ts"
import { run } from "../support/run.ts"
import { runScoped } from "../support/scoped.ts"

const counters = (offered: number): MailboxCounters => ({
  offered,
  admitted: offered,
  refused: 0,
  handled: offered - 1,
  deadLettered: 0,
  expired: 0,
  shed: 0,
  queued: 1,
  stashed: 0,
  parked: 0,
  inTurn: 0,
})

const view = (kind: string, key: string, children: readonly ActorView[] = []): ActorView => ({
  address: { tenant: "demo", kind, key },
  state: "running",
  restarts: 1,
  counters: counters(10),
  lastError: undefined,
  children,
})

const sample = (outcome: "handled" | "failed"): TurnSample => ({
  address: { tenant: "demo", kind: "partition", key: "0" },
  messages: 3,
  startMicros: 1_700_000_000_000_000,
  durationMillis: 2,
  outcome,
})

describe("metrics", () => {
  it("reads back from its text what was counted, whatever the labels hold", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ maxLength: 20 }), fc.nat(1000)), { maxLength: 30 }),
        (added) => {
          const registry = new MetricRegistry()
          const metric = registry.counter("test_total", 'A \\ help\nwith "signs"', ["label"])
          const sums = new Map<string, number>()
          for (const [label, amount] of added) {
            metric.with(label).add(amount)
            sums.set(label, (sums.get(label) ?? 0) + amount)
          }
          const { samples } = parsePrometheus(renderPrometheus(registry))
          expect(new Map(samples.map((s) => [s.labels.label, s.value]))).toEqual(sums)
        },
      ),
    )
  })

  it("counts series beyond the bound together, so that memory is bounded and the sum true", () => {
    const registry = new MetricRegistry()
    const metric = registry.counter("test_total", "Many.", ["label"])
    for (let i = 0; i < metricSeriesMax * 2; i++) metric.with(`label ${i}`).add()
    const { samples } = parsePrometheus(renderPrometheus(registry))
    expect(samples).toHaveLength(metricSeriesMax)
    expect(samples.reduce((sum, { value }) => sum + value, 0)).toBe(metricSeriesMax * 2)
    expect(samples.find(({ labels }) => labels.label === "other")?.value).toBe(metricSeriesMax + 1)
  })

  it("cumulates histogram buckets up to the count", () => {
    const registry = new MetricRegistry()
    const metric = registry.histogram("test_seconds", "Times.", [1, 2, 5])
    for (const value of [0.5, 1, 1.5, 3, 9]) metric.with().observe(value)
    const { samples, types } = parsePrometheus(renderPrometheus(registry))
    expect(types.get("test_seconds")).toBe("histogram")
    const buckets = samples.filter(({ name }) => name === "test_seconds_bucket")
    expect(buckets.map(({ labels, value }) => [labels.le, value])).toEqual([
      ["1", 2],
      ["2", 3],
      ["5", 4],
      ["+Inf", 5],
    ])
    expect(samples.find(({ name }) => name === "test_seconds_sum")?.value).toBe(15)
    expect(samples.find(({ name }) => name === "test_seconds_count")?.value).toBe(5)
  })

  it("refuses two metrics of one name, a wrong name, and a counter that falls", () => {
    const registry = new MetricRegistry()
    const metric = registry.counter("test_total", "One.")
    expect(() => registry.gauge("test_total", "Two.")).toThrow("two metrics")
    expect(() => registry.gauge("test total", "Two.")).toThrow("cannot be called")
    expect(() => metric.with().add(-1)).toThrow("never falls")
  })

  it("sums the actors' mailboxes per tenant and kind, and forgets those that are gone", () => {
    const registry = new MetricRegistry()
    let tree = view("root", "r", [view("partition", "0"), view("partition", "1")])
    collectActors(registry, () => tree)
    const read = (name: string, kind: string, outcome?: string) =>
      parsePrometheus(renderPrometheus(registry)).samples.find(
        (s) => s.name === name && s.labels.kind === kind && s.labels.outcome === outcome,
      )?.value
    expect(read("intelgraph_actors", "partition")).toBe(2)
    expect(read("intelgraph_mailbox_pending", "partition")).toBe(2)
    expect(read("intelgraph_mailbox_messages_total", "partition", "handled")).toBe(18)
    expect(read("intelgraph_mailbox_messages_total", "partition", "dead_lettered")).toBe(0)
    tree = view("root", "r", [view("meter", "*", [view("meter", "in trouble")])])
    expect(read("intelgraph_mailbox_pending", "meter")).toBe(1)
    tree = view("root", "r")
    expect(read("intelgraph_actors", "partition")).toBeUndefined()
    expect(read("intelgraph_actors", "root")).toBe(1)
  })

  it("shows event loop delay, memory and CPU of the process", async () => {
    const registry = new MetricRegistry()
    await runScoped(collectProcess(registry))
    await vi.waitFor(() => {
      const { samples } = parsePrometheus(renderPrometheus(registry))
      const of = (name: string) => samples.filter((s) => s.name === name).map((s) => s.value)
      expect(of("intelgraph_event_loop_delay_seconds")).toHaveLength(4)
      expect(Math.max(...of("intelgraph_event_loop_delay_seconds"))).toBeGreaterThan(0)
      expect(Math.min(...of("intelgraph_memory_bytes"))).toBeGreaterThan(0)
      expect(of("intelgraph_cpu_seconds_total")[0]).toBeGreaterThan(0)
    })
  })
})

describe("turns", () => {
  it("become a histogram by kind and outcome, and are passed on", () => {
    const registry = new MetricRegistry()
    const seen: TurnSample[] = []
    const observer = observeTurns(registry, { everyTurns: 7, onSample: (s) => seen.push(s) })
    observer.turn(sample("handled"))
    observer.turn(sample("failed"))
    expect(observer.everyTurns).toBe(7)
    expect(seen).toHaveLength(2)
    const { samples } = parsePrometheus(renderPrometheus(registry))
    const counts = samples.filter((s) => s.name === "intelgraph_turn_duration_seconds_count")
    expect(counts.map((s) => [s.labels.kind, s.labels.outcome, s.value])).toEqual([
      ["partition", "handled", 1],
      ["partition", "failed", 1],
    ])
  })

  it("become spans with address, times and outcome", async () => {
    const exporter = new InMemorySpanExporter()
    const spans = await run(
      Effect.scoped(
        Effect.gen(function* () {
          const onSample = yield* spansOfTurns({
            export: (batch, done) => exporter.export(batch, done),
            shutdown: () => Promise.resolve(),
          })
          onSample(sample("handled"))
          onSample(sample("failed"))
        }),
      ).pipe(Effect.map(() => exporter.getFinishedSpans())),
    )
    expect(spans.map((span) => [span.name, span.status.code])).toEqual([
      ["turn partition", 0],
      ["turn partition", 2],
    ])
    expect(spans[0]?.startTime).toEqual([1_700_000_000, 0])
    expect(spans[0]?.duration).toEqual([0, 2_000_000])
    expect(spans[0]?.attributes).toMatchObject({
      "intelgraph.address": "demo/partition/0",
      "intelgraph.messages": 3,
    })
  })

  it("are written to a file of JSON lines before the scope is closed", async () => {
    const folder = mkdtempSync(join(tmpdir(), "intelgraph-spans-"))
    try {
      const path = join(folder, "spans.jsonl")
      await run(
        Effect.scoped(Effect.map(spansToFile(path), (onSample) => onSample(sample("failed")))),
      )
      const lines = readFileSync(path, "utf8").trim().split("\n")
      expect(lines.map((line) => JSON.parse(line))).toMatchObject([
        { name: "turn partition", failed: true, durationSeconds: 0.002 },
      ])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it("go on where the exporter fails", async () => {
    await run(
      Effect.scoped(
        Effect.map(spansToFile("/nowhere/at/all"), (onSample) => onSample(sample("handled"))),
      ),
    )
  })
})
