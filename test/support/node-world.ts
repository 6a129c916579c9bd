/** A node in a folder of its own and sources for it, for tests of what actors do together. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { expect } from "vitest"
import type { IngestReport, Ports } from "../../actors/index.ts"
import { shardOf } from "../../protocols/address.ts"
import { brokenSourceEquation, type SourceCounters } from "../../protocols/counters.ts"
import type { ActorView } from "../../runtime/index.ts"
import { type EmbeddedNode, ingestAll, type Job, openEmbeddedNode } from "./embedded-node.ts"
import { run } from "./run.ts"
import { temporaryFolder } from "./scoped.ts"

export const mapping = `version: 1
record: {key: $.id, version: $.modified}
entities:
  - {type: thing, key: $.id, properties: {said: $.said, pad: $.pad}}
relationships:
  - {type: of, from: {type: thing, key: $.id}, to: {type: product, key: $.of}}
`

export interface Said {
  readonly id: string
  readonly said: string
  readonly modified?: string
  readonly pad?: string
}

/** Writes an NDJSON source of so many things. */
export function source(
  folder: string,
  name: string,
  of: { readonly records: number; readonly said?: string; readonly padBytes?: number },
  tenant = "demo",
): Job {
  const pad = "x".repeat(of.padBytes ?? 0)
  const lines = Array.from({ length: of.records }, (_, n) => ({
    id: `thing ${n}`,
    said: `${of.said ?? name} ${n % 5}`,
    pad,
  }))
  return sourceOf(folder, name, lines, tenant)
}

export function sourceOf(
  folder: string,
  name: string,
  lines: readonly Said[],
  tenant = "demo",
): Job {
  const file = join(folder, `${tenant}-${name}-${lines.length}-${lines[0]?.said ?? ""}.ndjson`)
  const texts = lines.map((line, n) => JSON.stringify({ of: `product ${n % 7}`, ...line }))
  writeFileSync(file, `${texts.join("\n")}\n`)
  return { source: name, format: "ndjson", file, mapping, tenant }
}

export type NodeSettings = NonNullable<Parameters<typeof openEmbeddedNode>[1]>

/** Opens a node on the folder, uses it, and closes it. */
export const withNode = <A, E>(
  folder: string,
  settings: NodeSettings,
  use: (running: EmbeddedNode) => Effect.Effect<A, E, Scope.Scope>,
): Promise<A> =>
  run(Effect.scoped(Effect.flatMap(openEmbeddedNode(join(folder, "data"), settings), use)))

/** What must come out the same, whatever went wrong on the way. */
export interface Outcome {
  readonly hash: string
  readonly counters: readonly ({ readonly source: string } & SourceCounters)[]
}

/** Looks at a node whose work is done, and checks what must hold then. */
export const outcomeOf = ({ node, ports }: EmbeddedNode, tenant = "demo") =>
  Effect.gen(function* () {
    const hash = yield* ports.reads.graphHash(tenant)
    const sources = yield* ports.reads.sources(tenant)
    const tails = yield* ports.log.tails
    expect(node.brokenEquations()).toEqual([])
    expect(tails.filter((tail) => tail.tenant === tenant && tail.pending > 0)).toEqual([])
    const counters = sources.map(({ source: name, counters: counted }) => {
      expect(brokenSourceEquation(counted)).toBeUndefined()
      // What a crash made necessary stands outside the equation.
      return { source: name, ...counted, replayed: 0 }
    })
    return { hash, counters } satisfies Outcome
  })

/** The jobs on a node that nothing happens to. */
export function undisturbed(
  jobs: readonly Job[],
  settings: Pick<NodeSettings, "partitions" | "tenants"> = {},
  tenant = "demo",
  folder = temporaryFolder(),
): Promise<Outcome> {
  return withNode(folder, { tenants: [tenant], ...settings }, (running) =>
    Effect.gen(function* () {
      for (const job of jobs) expectDone(yield* ingestAll(running, [job]))
      yield* settled(running)
      return yield* outcomeOf(running, tenant)
    }),
  )
}

export function expectDone(reports: readonly IngestReport[]): void {
  for (const report of reports) {
    expect(report, JSON.stringify(report.error)).toMatchObject({ phase: "done" })
  }
}

/** Every block is acknowledged: a report comes when all is committed, a little before. */
export const settled = ({ ports }: EmbeddedNode): Effect.Effect<void> =>
  untilNone(Effect.map(ports.log.tails, (tails) => tails.filter(({ pending }) => pending > 0)))

/** Looks every few milliseconds until the list is empty. */
export const untilNone = <E>(list: Effect.Effect<readonly unknown[], E>): Effect.Effect<void> => {
  const look: Effect.Effect<void> = Effect.flatMap(Effect.orDie(list), (found) =>
    found.length === 0 ? Effect.void : Effect.andThen(Effect.sleep(2), look),
  )
  return Effect.orDie(Effect.timeout(look, 20_000))
}

/** The actors of a kind, wherever they stand in the tree. */
export const actorsOf = (view: ActorView, kind: string): readonly ActorView[] => [
  ...(view.address.kind === kind ? [view] : []),
  ...view.children.flatMap((child) => actorsOf(child, kind)),
]

/** Two tenants whose first partitions live on one shard. */
export function tenantsOfOneShard(): readonly [string, string] {
  const first = "a-0"
  for (let n = 0; ; n++) {
    if (shardOf(`b-${n}`, 0) === shardOf(first, 0)) return [first, `b-${n}`]
  }
}

export const parkedOf = (ports: Ports, shard: number) =>
  ports.state.list(shard, ["parked"], { after: undefined, limit: 100 })
