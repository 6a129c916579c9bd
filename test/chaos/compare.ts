/** What must be in the graph against what is there. Knows nothing of how it came there. */
import type { Expected } from "./records.ts"

/** The graph as it was read. */
export type Found =
  | {
      readonly kind: "source"
      readonly tenant: string
      readonly source: string
      readonly read: number
      readonly accepted: number
      readonly duplicates: number
      readonly refused: number
      readonly deadLettered: number
      readonly replayed: number
    }
  | Extract<Expected, { kind: "record" }>
  | {
      readonly kind: "item"
      readonly tenant: string
      readonly key: string
      /** Records that say anything of it. */
      readonly asserted: number
      readonly properties: string
    }
  | { readonly kind: "edge"; readonly tenant: string; readonly from: string; readonly to: string }

export interface Finding {
  readonly what: string
  readonly count: number
  /** The first few. */
  readonly samples: readonly string[]
}

export interface Comparison {
  readonly sources: number
  readonly recordsAccepted: number
  readonly recordsReplayed: number
  readonly keys: number
  readonly items: number
  readonly edges: number
  /** Empty where every effect is there exactly once and in order. */
  readonly findings: readonly Finding[]
}

const samplesMax = 5

export class Comparing {
  readonly #findings = new Map<string, { count: number; samples: string[] }>()
  readonly #sources = new Map<string, number>()
  readonly #records = new Map<string, number>()
  readonly #items = new Map<string, Extract<Expected, { kind: "item" }>>()
  readonly #edges = new Set<string>()
  readonly #counts = { accepted: 0, replayed: 0, sources: 0, keys: 0, items: 0, edges: 0 }

  expect(line: Expected): void {
    const { tenant } = line
    if (line.kind === "source") this.#sources.set(`${tenant}/${line.source}`, line.records)
    else if (line.kind === "record") {
      this.#records.set(`${tenant}/${line.source}/${line.key}`, line.ordinal)
    } else {
      this.#items.set(`${tenant}/${line.key}`, line)
      for (const group of line.groups) this.#edges.add(`${tenant}/${line.key} → ${group}`)
    }
  }

  find(found: Found): void {
    switch (found.kind) {
      case "source":
        return this.#source(found)
      case "record":
        return this.#record(found)
      case "item":
        return this.#item(found)
      case "edge":
        return this.#edge(found)
    }
  }

  /** After everything was found. */
  end(): Comparison {
    for (const name of this.#sources.keys()) this.#note("a source is missing", name)
    for (const name of this.#records.keys()) this.#note("a key's records are missing", name)
    for (const name of this.#items.keys()) this.#note("an entity is missing", name)
    for (const name of this.#edges) this.#note("a relationship is missing", name)
    const { accepted, replayed, ...counts } = this.#counts
    const findings = [...this.#findings].map(([what, of]) => ({ what, ...of }))
    return { ...counts, recordsAccepted: accepted, recordsReplayed: replayed, findings }
  }

  #source(found: Extract<Found, { kind: "source" }>): void {
    const { tenant, source, read, accepted, duplicates, refused, deadLettered } = found
    const name = `${tenant}/${source}`
    const records = this.#sources.get(name)
    this.#sources.delete(name)
    this.#counts.sources += 1
    this.#counts.accepted += accepted
    this.#counts.replayed += found.replayed
    if (records === undefined) return this.#note("a source that nobody wrote", name)
    if (accepted !== records) {
      const what = accepted < records ? "records had no effect" : "records had an effect twice"
      this.#note(what, `${name}: ${accepted} accepted of ${records}`)
    }
    if (read !== records || duplicates + refused + deadLettered > 0) {
      const others = `duplicates ${duplicates}, refused ${refused}, aside ${deadLettered}`
      const told = `${name}: read ${read} of ${records}, ${others}`
      this.#note("a source counts what it never held", told)
    }
  }

  #record({ tenant, source, key, ordinal }: Extract<Found, { kind: "record" }>): void {
    const name = `${tenant}/${source}/${key}`
    const last = this.#records.get(name)
    this.#counts.keys += 1
    if (last === undefined) return this.#note("a key is there twice, or nobody wrote it", name)
    this.#records.delete(name)
    if (ordinal !== last)
      this.#note("a key did not end with its last record", `${name}: ${ordinal}`)
  }

  #item({ tenant, key, asserted, properties }: Extract<Found, { kind: "item" }>): void {
    const name = `${tenant}/${key}`
    const item = this.#items.get(name)
    this.#counts.items += 1
    if (item === undefined) return this.#note("an entity is there twice, or nobody wrote it", name)
    this.#items.delete(name)
    const wanted = Object.entries(item.seqs)
    if (asserted !== wanted.length) this.#note("an entity has another number of sayers", name)
    const seen = JSON.parse(properties) as { readonly [name: string]: unknown }
    const isLast = wanted.every(([source, seq]) => seen[`seq-${source}`] === seq)
    if (!isLast || Object.keys(seen).length !== wanted.length) {
      this.#note("an entity does not say the last of each source", `${name}: ${properties}`)
    }
  }

  #edge({ tenant, from, to }: Extract<Found, { kind: "edge" }>): void {
    const name = `${tenant}/${from} → ${to}`
    this.#counts.edges += 1
    if (!this.#edges.delete(name)) this.#note("a relationship is there twice, or past", name)
  }

  #note(what: string, sample: string): void {
    const finding = this.#findings.get(what) ?? { count: 0, samples: [] }
    this.#findings.set(what, finding)
    finding.count += 1
    if (finding.samples.length < samplesMax) finding.samples.push(sample)
  }
}
