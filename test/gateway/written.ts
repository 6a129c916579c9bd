/** A gateway over a whole node, and how writes are asked of it. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Gateway, GatewayOptions } from "../../gateway/index.ts"
import { startGateway } from "../../gateway/index.ts"
import { MetricRegistry } from "../../runtime/index.ts"
import { type EmbeddedNode, openEmbeddedNode } from "../support/embedded-node.ts"
import type { NodeSettings } from "../support/node-world.ts"
import { run } from "../support/run.ts"
import { type Answer, ask, query } from "./support.ts"

export interface Served extends EmbeddedNode {
  readonly gateway: Gateway
  /** Without a path. */
  readonly base: string
}

const opened = (
  folder: string,
  settings: NodeSettings,
  given: Partial<GatewayOptions>,
): Effect.Effect<Served, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const running = yield* openEmbeddedNode(join(folder, "data"), settings)
    const gateway = yield* startGateway({
      reads: running.ports.reads,
      node: running.node,
      metrics: new MetricRegistry(),
      port: 0,
      development: false,
      tenant: "demo",
      ...given,
    })
    return { ...running, gateway, base: new URL(gateway.url).origin }
  })

/** Opens a node with its edge on the folder, uses both, and closes them. */
export const withEdge = <A>(
  folder: string,
  use: (served: Served) => Promise<A>,
  settings: NodeSettings = { tenants: ["demo"] },
  given: Partial<GatewayOptions> = {},
): Promise<A> =>
  run(
    Effect.scoped(
      Effect.flatMap(opened(folder, settings, given), (served) =>
        Effect.promise(() => use(served)),
      ),
    ),
  )

export const receiptFields = `idempotencyKey source state given read accepted duplicates stale
  refused deadLettered pending error problems { ordinal recordKey reason detail }`

export const ingestion = `mutation ($source: String!, $records: [JSON!]!, $format: RecordFormat!,
  $mapping: String, $key: String!, $wait: Int!) {
  ingest(source: $source, records: $records, format: $format, mapping: $mapping,
    idempotencyKey: $key, waitMillis: $wait) { ${receiptFields} } }`

export const retraction = `mutation ($source: String!, $keys: [String!]!, $key: String!) {
  retract(source: $source, recordKeys: $keys, idempotencyKey: $key, waitMillis: 20000) {
    ${receiptFields} } }`

interface Ingestion {
  readonly key: string
  readonly records: readonly unknown[]
  readonly source?: string
  readonly format?: "JSON" | "STIX"
  readonly mapping?: string
  readonly wait?: number
}

/** The answer of a mutation `ingest`. */
export const ingested = ({ gateway }: Served, given: Ingestion): Promise<Answer> =>
  query(gateway.url, ingestion, { source: "api", format: "JSON", wait: 20_000, ...given })

export const retracted = ({ gateway }: Served, source: string, keys: string[], key: string) =>
  query(gateway.url, retraction, { source, keys, key })

export const receiptBy = async ({ gateway }: Served, key: string) => {
  const document = `query ($key: String!) { receipt(idempotencyKey: $key) { ${receiptFields} } }`
  return (await query(gateway.url, document, { key })).json().data?.receipt
}

interface Upload {
  readonly key?: string
  readonly body: string | Uint8Array
  readonly parameters?: { readonly [name: string]: string }
  readonly headers?: { readonly [name: string]: string }
}

export const uploadUrl = ({ base }: Served, parameters: Upload["parameters"] = {}): string => {
  const all = { source: "api", format: "ndjson", waitMillis: "20000", ...parameters }
  return `${base}/ingest?${new URLSearchParams(all)}`
}

export const uploaded = (served: Served, { key = "upload", ...given }: Upload): Promise<Answer> =>
  ask(uploadUrl(served, given.parameters), {
    method: "POST",
    headers: { "idempotency-key": key, ...given.headers },
    body: given.body,
  })

/** Lines of an answer that came as NDJSON. */
export const linesOf = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly [kind: string]: unknown })
