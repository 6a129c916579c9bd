/**
 * Asks every node of a cluster, through one of them. A node that does not answer is named with the
 * reason, and keeps nobody from hearing of the others.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Conflict, type IntelGraphError, NotFound } from "../../protocols/errors.ts"
import {
  actorRowsMax,
  actorRowsPerChunk,
  clusterAnswerMillisMax,
  nodesMax,
  shardCount,
} from "../../protocols/limits.ts"
import type { PeerCall, PeerHandlers } from "../../runtime/index.ts"
import { namesTold } from "../tenants.ts"
import { type ActorRow, readActorRow } from "./actor-rows.ts"
import { type Member, type NodeReport, obey, readReport, reportOf, rowsOf } from "./member.ts"

/** A shard as the node sees it that was asked. */
export interface ShardRow {
  readonly shard: number
  /** Who works on it; nobody while it changes hands. */
  readonly node: string | null
  /** Under which epoch; not told of a node that is alone. */
  readonly epoch: number | null
}

export interface ClusterStatus {
  /** The node that was asked. */
  readonly seenFrom: string
  readonly nodes: readonly (NodeReport | Silent)[]
  readonly shards: readonly ShardRow[]
  /** Shards that nobody works on now. */
  readonly free: readonly number[]
}

/** A node that gave no answer. */
export interface Silent {
  readonly node: string
  readonly standing: string
  readonly weight: number
  readonly why: string
}

export const isSilent = (one: NodeReport | Silent): one is Silent => "why" in one

export interface ActorsSeen {
  readonly actors: readonly ActorRow[]
  /** Actors that are not among them: a node tells of so many and no more. */
  readonly untold: number
  readonly silent: readonly { readonly node: string; readonly why: string }[]
}

/** Tells other nodes of this one, and takes their orders, in this scope. */
export const serveCluster = (member: Member): Effect.Effect<void, Conflict, Scope.Scope> =>
  member.peers?.serve(handlersOf(member)) ?? Effect.void

const handlersOf = (member: Member): PeerHandlers => ({
  "node-report": () => Effect.sync(() => reportOf(member)),
  "node-order": (order) => obey(member, order),
  "node-actors": (tenant, call) => tellActors(member, tenant, call),
})

/** The actors in chunks; ends with how many it did not tell of. */
const tellActors = (member: Member, tenant: unknown, { emit }: PeerCall) =>
  Effect.gen(function* () {
    const rows = rowsOf(member, typeof tenant === "string" ? tenant : undefined)
    const told = rows.slice(0, actorRowsMax)
    for (let at = 0; at < told.length; at += actorRowsPerChunk) {
      yield* emit(told.slice(at, at + actorRowsPerChunk))
    }
    return rows.length - told.length
  })

export const clusterStatus = (member: Member): Effect.Effect<ClusterStatus> =>
  Effect.gen(function* () {
    const nodes = yield* Effect.forEach(nodesOf(member), (one) => reportFrom(member, one), {
      concurrency: nodesMax,
    })
    const shards = shardsOf(member)
    const free = shards.filter(({ node }) => node === null).map(({ shard }) => shard)
    return { seenFrom: member.name, nodes, shards, free }
  })

function shardsOf({ name, placement }: Member): readonly ShardRow[] {
  if (placement !== undefined) {
    return placement
      .view()
      .shards.map(({ shard, holder }) =>
        holder === undefined || holder.epoch === 0
          ? { shard, node: null, epoch: null }
          : { shard, node: holder.node, epoch: holder.epoch },
      )
  }
  return Array.from({ length: shardCount }, (_, shard) => ({ shard, node: name, epoch: null }))
}

interface Known {
  readonly node: string
  readonly standing: string
  readonly weight: number
}

/** All nodes that take part, by name; this one is always among them. */
function nodesOf({ name, placement }: Member): readonly Known[] {
  const known = new Map<string, Known>()
  const view = placement?.view()
  known.set(name, { node: name, standing: view?.standing ?? "serves", weight: 1 })
  for (const { node, standing, weight } of view?.nodes ?? []) {
    known.set(node, { node, standing, weight })
  }
  return [...known.values()].sort((a, b) => (a.node < b.node ? -1 : 1))
}

const reportFrom = (member: Member, known: Known): Effect.Effect<NodeReport | Silent> => {
  const { node } = known
  if (node === member.name) return Effect.sync(() => reportOf(member))
  const asked = member.peers?.ask(node, "node-report", null, clusterAnswerMillisMax)
  return (asked ?? Effect.fail(unreachable(node))).pipe(
    Effect.map((told) => {
      const report = readReport(told)
      return report === undefined ? { ...known, why: otherRelease(node) } : { ...report, node }
    }),
    Effect.catch((error) => Effect.succeed({ ...known, why: error.message })),
  )
}

/** The actors of every node, of one tenant where it is named. */
export const actorsOver = (member: Member, tenant: string | undefined): Effect.Effect<ActorsSeen> =>
  Effect.gen(function* () {
    const parts = yield* Effect.forEach(nodesOf(member), (one) => actorsOf(member, one, tenant), {
      concurrency: nodesMax,
    })
    return {
      actors: parts.flatMap(({ actors }) => actors),
      untold: parts.reduce((sum, { untold }) => sum + untold, 0),
      silent: parts.flatMap(({ silent }) => silent),
    }
  })

function actorsOf(
  member: Member,
  { node }: Known,
  tenant: string | undefined,
): Effect.Effect<ActorsSeen> {
  if (node === member.name) {
    return Effect.sync(() => {
      const rows = rowsOf(member, tenant)
      const actors = rows.slice(0, actorRowsMax)
      return { actors, untold: rows.length - actors.length, silent: [] }
    })
  }
  const silent = (why: string) => ({ actors: [], untold: 0, silent: [{ node, why }] })
  return Effect.scoped(streamedActors(member, node, tenant)).pipe(
    Effect.timeoutOrElse({
      duration: clusterAnswerMillisMax,
      orElse: () => Effect.succeed(silent(`The node ${node} gave no answer in time.`)),
    }),
    Effect.catch((error) => Effect.succeed(silent(error.message))),
  )
}

const streamedActors = (
  { peers }: Member,
  node: string,
  tenant: string | undefined,
): Effect.Effect<ActorsSeen, IntelGraphError, Scope.Scope> =>
  Effect.gen(function* () {
    if (peers === undefined) return yield* Effect.fail(unreachable(node))
    const { next } = yield* peers.stream(node, "node-actors", tenant ?? null)
    const actors: ActorRow[] = []
    for (let part = yield* next; ; part = yield* next) {
      if (part.kind === "last") return { actors, untold: Number(part.value), silent: [] }
      const rows: readonly unknown[] = Array.isArray(part.value) ? part.value : []
      for (const row of rows) {
        const known = readActorRow(row)
        if (known !== undefined && actors.length < actorRowsMax) actors.push({ ...known, node })
      }
    }
  })

/** Gives a node an order, wherever it is. */
export const orderNode = (
  member: Member,
  node: string,
  order: unknown,
): Effect.Effect<null, IntelGraphError> =>
  Effect.suspend(() => {
    const names = nodesOf(member).map((one) => one.node)
    if (node === member.name) return obey(member, order)
    if (!names.includes(node)) return Effect.fail(noSuchNode(node, names))
    const asked = member.peers?.ask(node, "node-order", order, clusterAnswerMillisMax)
    return Effect.as(asked ?? Effect.fail(unreachable(node)), null)
  })

const noSuchNode = (node: string, names: readonly string[]) =>
  new NotFound({
    what: "node",
    message: `There is no node ${JSON.stringify(node.slice(0, 80))}; there is ${namesTold(names)}.`,
  })

const otherRelease = (node: string) => `The node ${node} is of a release that tells other things.`

const unreachable = (node: string) =>
  new Conflict({
    message: `This node does not talk to ${node}.`,
    next: "Ask through a node of the same release that is started with --nats.",
  })
