/**
 * Records with known keys, and what must be in the graph once each of them has had its effect
 * exactly once and in the order of its key. Both follow from the seed; the expected set is on the
 * disk before any node starts.
 *
 * Of a key come several versions, among those of other keys. Each says a number one higher than the
 * last, and some say a group. A version that was lost, came twice or came late shows in the count
 * of what was accepted, in the place of the key's last record, in the last number, or in an edge to
 * a group that a later version no longer names. One key in ten is described by every source of its
 * tenant.
 */

import { once } from "node:events"
import { createWriteStream, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Random } from "./random.ts"

export interface Flow {
  readonly seed: number
  readonly records: number
  readonly tenants: number
  /** Of each tenant. */
  readonly sources: number
  readonly partitions: number
  /** Bytes that a record carries beside what is looked at. */
  readonly padBytes: number
}

export interface SourceOf {
  readonly tenant: string
  readonly source: string
  readonly records: number
}

/** A line of a source. */
export interface Version {
  readonly key: string
  readonly seq: number
  readonly group?: string
  readonly pad: string
}

/** What a key must have become, as its source sees it. */
export interface LastOf {
  readonly seq: number
  readonly ordinal: number
  readonly group: string | undefined
}

/** A line of the expected set. */
export type Expected =
  | {
      readonly kind: "source"
      readonly tenant: string
      readonly source: string
      readonly records: number
    }
  | {
      readonly kind: "record"
      readonly tenant: string
      readonly source: string
      readonly key: string
      readonly ordinal: number
    }
  | {
      readonly kind: "item"
      readonly tenant: string
      readonly key: string
      /** Last number that each source says. */
      readonly seqs: { readonly [source: string]: number }
      readonly groups: readonly string[]
    }

const versionsMax = 6
const keysOpenMax = 64
const groups = 40
const sharedShare = 0.1
const groupShare = 0.2

export function sourcesOf({ tenants, sources, records }: Flow): readonly SourceOf[] {
  const count = tenants * sources
  return Array.from({ length: count }, (_, at) => ({
    tenant: `tenant-${Math.floor(at / sources)}`,
    source: `source-${at % sources}`,
    records: Math.floor(records / count) + (at < records % count ? 1 : 0),
  }))
}

/** The versions of a source in the order of its file. */
export function* versionsOf(flow: Flow, { tenant, source, records }: SourceOf): Generator<Version> {
  const random = new Random(flow.seed ^ numberOf(`${tenant}/${source}`))
  const open: { key: string; seq: number; left: number }[] = []
  const pad = "x".repeat(flow.padBytes)
  for (let at = 0, keys = 0; at < records; at++) {
    if (open.length === 0 || (open.length < keysOpenMax && random.chance(0.3))) {
      const own = random.chance(sharedShare) ? "all" : source
      open.push({ key: `${own}-${keys++}`, seq: 0, left: random.between(1, versionsMax) })
    }
    const place = random.below(open.length)
    const one = open[place]
    if (one === undefined) throw new Error("a key is open")
    one.seq += 1
    one.left -= 1
    if (one.left === 0) open.splice(place, 1)
    const group = random.chance(groupShare) ? { group: `group-${random.below(groups)}` } : {}
    yield { key: one.key, seq: one.seq, ...group, pad }
  }
}

/** The property by which a source says its number: of two sources, neither hides the other's. */
export const seqProperty = (source: string): string => `seq-${source}`

export const mappingOf = (source: string): string => `version: 1
record: {key: $.key}
entities:
  - {type: item, key: $.key, properties: {"${seqProperty(source)}": {path: $.seq, as: number}}}
relationships:
  - type: member-of
    from: {type: item, key: $.key}
    to: {type: group, key: $.group}
    optional: true
`

/** Writes expected set, sources, mappings and the nodes' configuration into a folder. */
export async function writeFlow(flow: Flow, folder: string): Promise<Written> {
  const sources = sourcesOf(flow)
  const expected = join(folder, "expected.ndjson")
  const lasts = new Map(sources.map((one) => [one, lastsOf(flow, one)]))
  await writeLines(expected, expectedOf(lasts))
  for (const one of sources) {
    await writeLines(join(folder, fileOf(one)), versionsOf(flow, one))
    writeFileSync(join(folder, `${one.source}.yaml`), mappingOf(one.source))
  }
  const configuration = join(folder, "intelgraph.yaml")
  writeFileSync(configuration, JSON.stringify(configurationOf(flow, sources), undefined, 2))
  return { configuration, expected, sources }
}

export interface Written {
  readonly configuration: string
  readonly expected: string
  readonly sources: readonly SourceOf[]
}

/** What each key of a source ends with. */
export function lastsOf(flow: Flow, source: SourceOf): ReadonlyMap<string, LastOf> {
  const lasts = new Map<string, LastOf>()
  let ordinal = 0
  for (const { key, seq, group } of versionsOf(flow, source)) {
    lasts.set(key, { seq, ordinal: ordinal++, group })
  }
  return lasts
}

export function* expectedOf(
  lasts: ReadonlyMap<SourceOf, ReadonlyMap<string, LastOf>>,
): Generator<Expected> {
  const items = new Map<string, { seqs: Record<string, number>; groups: Set<string> }>()
  for (const [{ tenant, source, records }, keys] of lasts) {
    yield { kind: "source", tenant, source, records }
    for (const [key, { seq, ordinal, group }] of keys) {
      yield { kind: "record", tenant, source, key, ordinal }
      const name = `${tenant}/${key}`
      const item = items.get(name) ?? { seqs: {}, groups: new Set<string>() }
      items.set(name, item)
      item.seqs[source] = seq
      if (group !== undefined) item.groups.add(group)
    }
  }
  for (const [name, { seqs, groups: named }] of items) {
    const [tenant = "", key = ""] = name.split("/")
    yield { kind: "item", tenant, key, seqs, groups: [...named].sort() }
  }
}

const fileOf = ({ tenant, source }: SourceOf): string => `${tenant}-${source}.ndjson`

/** JSON is YAML. */
const configurationOf = ({ partitions }: Flow, sources: readonly SourceOf[]) => ({
  version: 1,
  tenant: "tenant-0",
  tenants: Object.fromEntries(
    [...new Set(sources.map(({ tenant }) => tenant))].map((tenant) => [
      tenant,
      {
        partitions,
        sources: sources
          .filter((one) => one.tenant === tenant)
          .map((one) => ({
            name: one.source,
            format: "ndjson",
            file: fileOf(one),
            mapping: `${one.source}.yaml`,
          })),
      },
    ]),
  ),
})

async function writeLines(file: string, lines: Iterable<unknown>): Promise<void> {
  const stream = createWriteStream(file)
  for (const line of lines) {
    if (!stream.write(`${JSON.stringify(line)}\n`)) await once(stream, "drain")
  }
  stream.end()
  await once(stream, "finish")
}

function numberOf(text: string): number {
  let state = 7
  for (const sign of text) state = (Math.imul(state, 31) + (sign.codePointAt(0) ?? 0)) >>> 0
  return state
}
