/**
 * Metrics of a node: counters, gauges and histograms, each a family of series by label values.
 *
 * Promises: a family never has more than `metricSeriesMax` series. Label values beyond are counted
 * together in one series whose every label is `other`, so that sums stay true and memory bounded. A
 * handle is taken once and then costs one addition; it does no I/O and knows no clock.
 */
import { invariant } from "../../protocols/errors.ts"
import { metricLabelLengthMax, metricSeriesMax } from "../../protocols/limits.ts"

export type MetricKind = "counter" | "gauge" | "histogram"

export interface Counter {
  readonly add: (amount?: number) => void
  /** For a total that is counted elsewhere and only shown here. */
  readonly observe: (total: number) => void
}

export interface Gauge {
  readonly set: (value: number) => void
  readonly add: (amount: number) => void
}

export interface Histogram {
  readonly observe: (value: number) => void
}

export interface Series {
  readonly labels: readonly string[]
  value: number
  /**
   * Only of histograms: how many values were at most the bound of the same index, not cumulated.
   */
  readonly buckets: Float64Array
  count: number
}

export interface Family {
  readonly kind: MetricKind
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
  readonly bounds: readonly number[]
  readonly series: ReadonlyMap<string, Series>
}

export interface Metric<Handle> {
  /** The series of these label values, in the order of the label names. */
  readonly with: (...labels: readonly string[]) => Handle
  /** Forgets all series: for families that a collector fills anew. */
  readonly clear: () => void
}

const namePattern = /^[a-z][a-z0-9_]*$/
const overflowLabel = "other"

export class MetricRegistry {
  readonly #families = new Map<string, Family>()
  readonly #collectors: (() => void)[] = []

  counter(name: string, help: string, labelNames: readonly string[] = []): Metric<Counter> {
    return this.#family("counter", { name, help, labelNames, bounds: [] }, counterOf)
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): Metric<Gauge> {
    return this.#family("gauge", { name, help, labelNames, bounds: [] }, gaugeOf)
  }

  /** `bounds` rise; what is above the last is counted in no bucket but the infinite one. */
  histogram(
    name: string,
    help: string,
    bounds: readonly number[],
    labelNames: readonly string[] = [],
  ): Metric<Histogram> {
    return this.#family("histogram", { name, help, labelNames, bounds }, (series) =>
      histogramOf(series, bounds),
    )
  }

  /** `collect` runs before each reading, to fill what is counted elsewhere. */
  onCollect(collect: () => void): void {
    this.#collectors.push(collect)
  }

  collect(): readonly Family[] {
    for (const collector of this.#collectors) collector()
    return [...this.#families.values()]
  }

  #family<Handle>(
    kind: MetricKind,
    shape: Pick<Family, "name" | "help" | "labelNames" | "bounds">,
    handleOf: (series: Series) => Handle,
  ): Metric<Handle> {
    const { name, labelNames, bounds } = shape
    invariant(namePattern.test(name), `A metric cannot be called ${name}.`)
    invariant(!this.#families.has(name), `There are two metrics called ${name}.`)
    const series = new Map<string, Series>()
    const handles = new Map<Series, Handle>()
    this.#families.set(name, { kind, ...shape, series })
    return {
      with: (...labels) => {
        invariant(labels.length === labelNames.length, `${name} has other labels.`)
        const found = seriesOf(series, labels, bounds.length)
        const handle = handles.get(found) ?? handleOf(found)
        handles.set(found, handle)
        return handle
      },
      clear: () => {
        series.clear()
        handles.clear()
      },
    }
  }
}

function seriesOf(all: Map<string, Series>, given: readonly string[], buckets: number): Series {
  const labels = given.map((label) => label.slice(0, metricLabelLengthMax))
  const key = labels.join("\u0000")
  const known = all.get(key)
  if (known !== undefined) return known
  if (labels.length > 0 && all.size >= metricSeriesMax - 1) return overflowOf(all, labels, buckets)
  return add(all, key, labels, buckets)
}

function overflowOf(all: Map<string, Series>, labels: readonly string[], buckets: number): Series {
  const others = labels.map(() => overflowLabel)
  const key = others.join("\u0000")
  return all.get(key) ?? add(all, key, others, buckets)
}

function add(
  all: Map<string, Series>,
  key: string,
  labels: readonly string[],
  buckets: number,
): Series {
  const series = { labels, value: 0, buckets: new Float64Array(buckets), count: 0 }
  all.set(key, series)
  return series
}

const counterOf = (series: Series): Counter => ({
  add: (amount = 1) => {
    invariant(amount >= 0, "A counter never falls.")
    series.value += amount
  },
  observe: (total) => {
    series.value = total
  },
})

const gaugeOf = (series: Series): Gauge => ({
  set: (value) => {
    series.value = value
  },
  add: (amount) => {
    series.value += amount
  },
})

const histogramOf = (series: Series, bounds: readonly number[]): Histogram => ({
  observe: (value) => {
    series.count += 1
    series.value += value
    const bucket = bounds.findIndex((bound) => value <= bound)
    if (bucket >= 0) series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1
  },
})
