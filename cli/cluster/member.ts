/**
 * One node as the verbs over a cluster see it: what it tells of itself, and the orders that it
 * takes. Whoever asks comes through its socket, or is another node.
 */
import * as Effect from "effect/Effect"
import type { IntelNode } from "../../actors/index.ts"
import type { MailboxCounters } from "../../protocols/counters.ts"
import { Conflict, type IntelGraphError, Invalid } from "../../protocols/errors.ts"
import { shardCount } from "../../protocols/limits.ts"
import type { ActorView, Order, Peers, RunningPlacement } from "../../runtime/index.ts"
import type { AssembledNode } from "../assemble.ts"
import { version } from "../version.ts"
import { type ActorRow, actorRows } from "./actor-rows.ts"

export interface Member {
  readonly name: string
  /** Missing where the node is alone, with all shards. */
  readonly placement: RunningPlacement | undefined
  /** Missing where there is nobody to talk to. */
  readonly peers: Peers | undefined
  readonly node: IntelNode
}

/** The one place that knows what an assembled node is called, and how it reaches the others. */
export const memberOf = ({ node, peers }: AssembledNode): Member => ({
  name: peers?.own.node ?? aloneName,
  placement: node.placement,
  peers,
  node,
})

/** What a node that is alone is called. */
export const aloneName = "alone"

/** What a node tells of itself. */
export interface NodeReport {
  readonly node: string
  readonly release: string
  readonly standing: string
  readonly weight: number
  /** Shards whose actors work here, and those that are about to or stop. */
  readonly open: number
  readonly moving: number
  readonly broken: number
  readonly actors: number
  /** All mailboxes together. */
  readonly pending: number
  readonly inTurn: number
  readonly handled: number
  readonly refused: number
  /** Requests of other nodes. */
  readonly requests: MailboxCounters | null
  /** Equations that do not hold, as sentences. */
  readonly brokenEquations: readonly string[]
}

/** Its actors, and the requests of other nodes as a mailbox of its own. */
export function rowsOf({ name, peers, node }: Member, tenant?: string): readonly ActorRow[] {
  const rows = actorRows(name, node.actors(tenant))
  if (peers === undefined || (tenant !== undefined && tenant !== "system")) return rows
  const requests: ActorView = {
    address: { tenant: "system", kind: "peers", key: name },
    state: "running",
    restarts: 0,
    counters: peers.counters(),
    lastError: undefined,
    children: [],
  }
  return [...rows, ...actorRows(name, requests)]
}

export function reportOf(member: Member): NodeReport {
  const { name, placement, peers, node } = member
  const view = placement?.view()
  const own = view?.nodes.find((one) => one.node === name)
  const phases = view?.shards.map(({ phase }) => phase).filter((phase) => phase !== undefined)
  const open = phases?.filter((phase) => phase === "open").length ?? shardCount
  const broken = phases?.filter((phase) => phase === "broken").length ?? 0
  const rows = rowsOf(member)
  const sum = (of: (row: ActorRow) => number) => rows.reduce((all, row) => all + of(row), 0)
  return {
    node: name,
    release: version(),
    standing: view?.standing ?? "serves",
    weight: own?.weight ?? 1,
    open,
    moving: (phases?.length ?? shardCount) - open - broken,
    broken,
    actors: rows.length,
    pending: sum(({ depth, inTurn, parked }) => depth + inTurn + parked),
    inTurn: sum(({ inTurn }) => inTurn),
    handled: sum(({ handled }) => handled),
    refused: sum(({ refused }) => refused),
    requests: peers?.counters() ?? null,
    brokenEquations: node.brokenEquations(),
  }
}

const figures = [
  "weight",
  "open",
  "moving",
  "broken",
  "actors",
  "pending",
  "inTurn",
  "handled",
  "refused",
] as const

/** What another process told of itself; `undefined` where it is not all that is asked for. */
export function readReport(value: unknown): NodeReport | undefined {
  if (typeof value !== "object" || value === null) return undefined
  const said: { readonly [name: string]: unknown } = { ...value }
  const { node, release, standing, brokenEquations } = said
  const areTexts = [node, release, standing].every((text) => typeof text === "string")
  const areFigures = figures.every((name) => typeof said[name] === "number")
  const areSentences =
    Array.isArray(brokenEquations) && brokenEquations.every((one) => typeof one === "string")
  return areTexts && areFigures && areSentences ? (said as unknown as NodeReport) : undefined
}

const orders: readonly string[] = ["serve", "cordon", "drain"] satisfies readonly Order[]

export const isOrder = (value: unknown): value is "serve" | "cordon" | "drain" =>
  typeof value === "string" && orders.includes(value)

/** Does as an operator says; what comes of it shows in the node's standing. */
export const obey = (member: Member, order: unknown): Effect.Effect<null, IntelGraphError> =>
  Effect.suspend((): Effect.Effect<null, IntelGraphError> => {
    const { name, placement } = member
    if (!isOrder(order)) return Effect.fail(notAnOrder())
    if (placement === undefined) return Effect.fail(isAlone(name))
    placement.order(order)
    return Effect.succeed(null)
  })

const notAnOrder = () =>
  new Invalid({ what: "order", message: `A node is told to ${orders.join(", to ")}.` })

const isAlone = (name: string) =>
  new Conflict({
    message: `The node ${name} is alone: nobody else could take its shards.`,
    next: "Start nodes on the same servers with --nats; end this one with Ctrl-C.",
  })
