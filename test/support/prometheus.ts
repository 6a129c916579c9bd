/** A strict reader of the Prometheus text format 0.0.4, written from its grammar. */
export interface Sample {
  readonly name: string
  readonly labels: { readonly [name: string]: string }
  readonly value: number
}

const samplePattern = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (NaN|[+-]Inf|[-+0-9.e]+)$/
const labelPattern = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y

export function parsePrometheus(text: string): {
  readonly samples: readonly Sample[]
  readonly types: ReadonlyMap<string, string>
} {
  if (!text.endsWith("\n")) throw new Error("the last line has no end")
  const samples: Sample[] = []
  const types = new Map<string, string>()
  for (const line of text.slice(0, -1).split("\n")) {
    const type = /^# TYPE ([a-z0-9_]+) (counter|gauge|histogram)$/.exec(line)
    if (type !== null) types.set(type[1] ?? "", type[2] ?? "")
    else if (!/^# HELP [a-z0-9_]+ /.test(line)) samples.push(sampleOf(line))
  }
  return { samples, types }
}

function sampleOf(line: string): Sample {
  const match = samplePattern.exec(line)
  if (match === null) throw new Error(`not a sample: ${JSON.stringify(line)}`)
  const [, name = "", labels = "", value = ""] = match
  return { name, labels: labelsOf(labels), value: numberOf(value) }
}

function labelsOf(text: string): { readonly [name: string]: string } {
  const labels: { [name: string]: string } = Object.create(null)
  labelPattern.lastIndex = 0
  while (labelPattern.lastIndex < text.length) {
    const match = labelPattern.exec(text)
    if (match === null) throw new Error(`not labels: ${JSON.stringify(text)}`)
    labels[match[1] ?? ""] = (match[2] ?? "").replaceAll(/\\(.)/g, (_, sign) =>
      sign === "n" ? "\n" : sign,
    )
  }
  return labels
}

const numberOf = (text: string): number =>
  text === "+Inf" ? Number.POSITIVE_INFINITY : text === "-Inf" ? -Infinity : Number(text)
