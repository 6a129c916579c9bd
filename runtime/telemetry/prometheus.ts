/** Metrics as the Prometheus text exposition format 0.0.4 wants them. */
import type { Family, MetricRegistry, Series } from "./registry.ts"

export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8"

export function renderPrometheus(registry: MetricRegistry): string {
  const lines: string[] = []
  for (const family of registry.collect()) {
    lines.push(`# HELP ${family.name} ${escapeHelp(family.help)}`)
    lines.push(`# TYPE ${family.name} ${family.kind}`)
    for (const series of family.series.values()) lines.push(...seriesLines(family, series))
  }
  return `${lines.join("\n")}\n`
}

function seriesLines(family: Family, series: Series): readonly string[] {
  const { name } = family
  if (family.kind !== "histogram") return [sample(name, labelsOf(family, series), series.value)]
  let below = 0
  const buckets = family.bounds.map((bound, index) => {
    below += series.buckets[index] ?? 0
    return sample(`${name}_bucket`, labelsOf(family, series, numberOf(bound)), below)
  })
  return [
    ...buckets,
    sample(`${name}_bucket`, labelsOf(family, series, "+Inf"), series.count),
    sample(`${name}_sum`, labelsOf(family, series), series.value),
    sample(`${name}_count`, labelsOf(family, series), series.count),
  ]
}

function labelsOf(family: Family, series: Series, atMost?: string): string {
  const pairs = family.labelNames.map(
    (name, index) => `${name}="${escapeLabel(series.labels[index] ?? "")}"`,
  )
  if (atMost !== undefined) pairs.push(`le="${atMost}"`)
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`
}

const sample = (name: string, labels: string, value: number) =>
  `${name}${labels} ${numberOf(value)}`

const numberOf = (value: number) =>
  Number.isNaN(value) ? "NaN" : Number.isFinite(value) ? String(value) : value > 0 ? "+Inf" : "-Inf"

const escapeHelp = (text: string) => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")

const escapeLabel = (text: string) => escapeHelp(text).replaceAll('"', '\\"')
