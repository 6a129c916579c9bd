/**
 * Entities of a type by how many distinct entities a way through the graph reaches. The way is gone
 * step by step for all entities at once; what leads on is decided from its end backwards.
 */
import {
  neo4jRowsPerStatement,
  rankEdgesScannedMax,
  rankTiesHeldMax,
} from "../../../protocols/limits.ts"
import { sizeOf } from "../../graph/page.ts"
import type { RankRequest, RankRow, RankStep } from "../../graph/port.ts"
import { byRank, checkRanking, excludedTexts, rankTooMany } from "../../graph/ranking.ts"
import type { Cypher } from "./connection.ts"
import { Look } from "./look.ts"

/** Where one step leads to, by where it begins. */
type Ends = ReadonlyMap<number, readonly number[]>

interface Ranked {
  readonly node: number
  readonly count: number
}

export async function rankRows(
  cypher: Cypher,
  tenant: number,
  request: RankRequest,
): Promise<readonly RankRow[]> {
  const { steps, count } = request
  const first = sizeOf(request)
  checkRanking(request)
  const begins = await beginsOf(cypher, tenant, request)
  const ways: Ends[] = []
  let at: Iterable<number> = begins
  let scanned = 0
  for (const step of steps) {
    const ends = await endsOf(cypher, tenant, step, [...at], rankEdgesScannedMax - scanned)
    for (const found of ends.values()) scanned += found.length
    ways.push(ends)
    at = new Set([...ends.values()].flat())
  }
  const leadsOn = leadingOn(ways.slice(count + 1))
  const ranked: Ranked[] = []
  for (const node of begins) {
    let reached: ReadonlySet<number> = new Set([node])
    for (const ends of ways.slice(0, count + 1)) {
      reached = new Set([...reached].flatMap((one) => ends.get(one) ?? []))
    }
    const found = [...reached].filter(leadsOn).length
    if (found > 0) ranked.push({ node, count: found })
  }
  return firstOf(new Look(cypher, tenant), ranked, first)
}

async function beginsOf(cypher: Cypher, tenant: number, request: RankRequest) {
  const rows = await cypher.rows<[id: number]>(
    `MATCH (t:_Type {tenant: $tenant, name: $type})
     MATCH (n:_Entity) WHERE n.type = t.id AND n.key >= '' AND n.asserted > 0
       AND none(text IN $excluded WHERE n.properties CONTAINS text)
     RETURN n.id`,
    { tenant, type: request.type, excluded: excludedTexts(request) },
  )
  return rows.map(([id]) => id)
}

async function endsOf(
  cypher: Cypher,
  tenant: number,
  step: RankStep,
  begins: readonly number[],
  scanMax: number,
): Promise<Ends> {
  const pattern = step.direction === "in" ? "(n)<-[e]-(o:_Entity)" : "(n)-[e]->(o:_Entity)"
  const ends = new Map<number, number[]>()
  let scanned = 0
  for (let at = 0; at < begins.length; at += neo4jRowsPerStatement) {
    const rows = await cypher.rows<[node: number, end: number]>(
      `MATCH (et:_Type {tenant: $tenant, name: $relationship})
       MATCH (ot:_Type {tenant: $tenant, name: $type})
       UNWIND $begins AS id MATCH (n:_Entity {id: id})
       MATCH ${pattern} WHERE e.type = et.id AND o.type = ot.id
         AND ($source IS NULL OR EXISTS {
           MATCH (s:_Source {tenant: $tenant, name: $source})
           MATCH (o)<-[:_SAYS]-(d:_Record) WHERE d.source = s.id })
       RETURN n.id, o.id LIMIT $count`,
      {
        tenant,
        relationship: step.relationship,
        type: step.type,
        source: step.source ?? null,
        begins: begins.slice(at, at + neo4jRowsPerStatement),
        count: scanMax - scanned + 1,
      },
    )
    scanned += rows.length
    if (scanned > scanMax) throw rankTooMany(rankEdgesScannedMax + 1)
    for (const [node, end] of rows) {
      const known = ends.get(node)
      if (known === undefined) ends.set(node, [end])
      else known.push(end)
    }
  }
  return ends
}

/** Whether the rest of the way can be gone from a node. */
function leadingOn(ways: readonly Ends[]): (node: number) => boolean {
  let leads: (node: number) => boolean = () => true
  for (const ends of [...ways].reverse()) {
    const next = leads
    const good = new Set([...ends].filter(([, to]) => to.some(next)).map(([node]) => node))
    leads = (node) => good.has(node)
  }
  return leads
}

/** The first rows, ties by name, then key; a part of the tied ones is held at a time. */
async function firstOf(look: Look, ranked: Ranked[], first: number): Promise<readonly RankRow[]> {
  ranked.sort((a, b) => b.count - a.count)
  const least = ranked[first - 1]?.count ?? 0
  const shown = ranked.filter(({ count }) => count >= least)
  let rows: RankRow[] = []
  for (let at = 0; at < shown.length; at += rankTiesHeldMax) {
    const part = shown.slice(at, at + rankTiesHeldMax)
    const entities = await look.entities(part.map(({ node }) => node))
    for (const { node, count } of part) {
      const entity = entities.get(node)
      if (entity !== undefined) rows.push({ entity, count })
    }
    rows = rows.sort(byRank).slice(0, first)
  }
  return rows
}
