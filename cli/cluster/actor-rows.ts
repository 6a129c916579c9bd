/** Actors of a node as rows: they travel, are sorted, and are compared between two looks. */
import { formatAddress } from "../../protocols/address.ts"
import { actorTextLengthMax } from "../../protocols/limits.ts"
import type { ActorView } from "../../runtime/index.ts"

export interface ActorRow {
  readonly node: string
  /** `tenant/kind/key`; all virtual actors of a kind and tenant are one row, with the key `*`. */
  readonly address: string
  readonly tenant: string
  readonly kind: string
  /** How many are above it in the tree. Rows of a node stand in the order of the tree. */
  readonly level: number
  readonly state: ActorView["state"]
  readonly restarts: number
  readonly lastError: string | null
  /** Messages that wait: queued and stashed. */
  readonly depth: number
  readonly inTurn: number
  readonly parked: number
  readonly handled: number
  readonly refused: number
  readonly deadLettered: number
  readonly expired: number
  readonly shed: number
}

/** The tree, from the top down. */
export function actorRows(node: string, view: ActorView, level = 0): readonly ActorRow[] {
  const rows: ActorRow[] = []
  add(rows, node, view, level)
  return rows
}

function add(rows: ActorRow[], node: string, view: ActorView, level: number): void {
  const { address, state, restarts, lastError, counters } = view
  rows.push({
    node,
    address: formatAddress(address).slice(0, actorTextLengthMax),
    tenant: address.tenant,
    kind: address.kind,
    level,
    state,
    restarts,
    lastError: lastError?.slice(0, actorTextLengthMax) ?? null,
    depth: counters.queued + counters.stashed,
    inTurn: counters.inTurn,
    parked: counters.parked,
    handled: counters.handled,
    refused: counters.refused,
    deadLettered: counters.deadLettered,
    expired: counters.expired,
    shed: counters.shed,
  })
  for (const child of view.children) add(rows, node, child, level + 1)
}

/** What an actor may be at, in the order in which people are told of it. */
export const actorStates = [
  "running",
  "restarting",
  "quarantined",
  "stopping",
  "passive",
] as const satisfies readonly ActorView["state"][]

const texts = ["node", "address", "tenant", "kind", "state"] as const
const figures = [
  "level",
  "restarts",
  "depth",
  "inTurn",
  "parked",
  "handled",
  "refused",
  "deadLettered",
  "expired",
  "shed",
] as const

/** A row that another process told; what this release knows of it. */
export function readActorRow(value: unknown): ActorRow | undefined {
  if (typeof value !== "object" || value === null) return undefined
  const row: { readonly [name: string]: unknown } = { ...value }
  if (!texts.every((name) => typeof row[name] === "string")) return undefined
  if (!figures.every((name) => typeof row[name] === "number")) return undefined
  return row as unknown as ActorRow
}
