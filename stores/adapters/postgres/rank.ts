/**
 * Entities of a type by how many distinct entities a way through the graph reaches. The way is one
 * statement, gone step by step for all entities at once; names break ties here, a part of the tied
 * ones at a time.
 */
import { rankEdgesScannedMax, rankTiesHeldMax } from "../../../protocols/limits.ts"
import { sizeOf } from "../../graph/page.ts"
import type { RankRequest, RankRow, RankStep } from "../../graph/port.ts"
import { byRank, checkRanking, excludedTexts, rankTooMany } from "../../graph/ranking.ts"
import type { Sql, Value } from "./connection.ts"
import { entitiesByNumber } from "./read-entities.ts"

export async function rankRows(
  sql: Sql,
  tenant: number,
  request: RankRequest,
): Promise<readonly RankRow[]> {
  const first = sizeOf(request)
  checkRanking(request)
  const values: Value[] = [tenant, request.type, excludedTexts(request), first]
  const text = statementOf(request, (value) => `$${values.push(value)}`)
  const ranked = await sql.rows<[node: number, count: number, scanned: number]>(text, ...values)
  let rows: RankRow[] = []
  for (let at = 0; at < ranked.length; at += rankTiesHeldMax) {
    const part = ranked.slice(at, at + rankTiesHeldMax)
    const entities = await entitiesByNumber(
      sql,
      tenant,
      part.map(([node]) => node),
    )
    for (const [node, count, scanned] of part) {
      if (scanned > rankEdgesScannedMax) throw rankTooMany(scanned)
      const entity = entities.get(node)
      if (entity !== undefined) rows.push({ entity, count })
    }
    rows = rows.sort(byRank).slice(0, first)
  }
  return rows
}

/** Ranked nodes with their counts, ties of the last one among them. */
function statementOf({ steps, count }: RankRequest, parameter: (value: Value) => string): string {
  const parts = [
    `s0 AS (SELECT n.id AS origin, n.id AS node FROM node n JOIN type t ON t.id = n.type
       WHERE n.tenant = $1 AND t.tenant = $1 AND t.name = $2 AND n.asserted > 0
         AND NOT EXISTS (SELECT 1 FROM unnest($3::text[]) x WHERE strpos(n.properties, x) > 0))`,
  ]
  const scanned: string[] = []
  for (const [i, step] of steps.slice(0, count + 1).entries()) {
    const { from, where, there } = stepOf(step, parameter, `s${i}.node`)
    parts.push(`r${i + 1} AS MATERIALIZED (SELECT s${i}.origin, ${there} AS node
      FROM s${i} CROSS JOIN ${from} WHERE ${where} LIMIT ${rankEdgesScannedMax + 1})`)
    parts.push(`s${i + 1} AS MATERIALIZED (SELECT DISTINCT origin, node FROM r${i + 1})`)
    scanned.push(`(SELECT count(*) FROM r${i + 1})`)
  }
  const last = `s${count + 1}`
  const rest = onwardOf(steps.slice(count + 1), parameter, "ends.node")
  parts.push(`ends AS MATERIALIZED (SELECT DISTINCT node FROM ${last})`)
  // Once: joined to what it is made of, the rest of the way would be gone for each origin anew.
  parts.push(`good AS MATERIALIZED (SELECT node FROM ends WHERE ${rest})`)
  return `WITH ${parts.join(",\n")}
    SELECT ${last}.origin, count(*), greatest(${scanned.join(", ")})
    FROM ${last} JOIN good ON good.node = ${last}.node GROUP BY ${last}.origin
    ORDER BY count(*) DESC FETCH FIRST $4 ROWS WITH TIES`
}

/** That the rest of the way can be gone from a node. */
function onwardOf(
  steps: readonly RankStep[],
  parameter: (value: Value) => string,
  node: string,
): string {
  const [next, ...rest] = steps
  if (next === undefined) return "true"
  const { from, where, there } = stepOf(next, parameter, node)
  return `EXISTS (SELECT 1 FROM ${from} WHERE ${where} AND ${onwardOf(rest, parameter, there)})`
}

function stepOf(step: RankStep, parameter: (value: Value) => string, node: string) {
  const name = parameter(step.relationship)
  // Each step has names of its own, made of a parameter's number.
  const [e, n, t, nt] = ["e", "n", "t", "nt"].map((letter) => `${letter}${name.slice(1)}`)
  const [here, there] =
    step.direction === "in" ? ["to_node", "from_node"] : ["from_node", "to_node"]
  const described =
    step.source === undefined
      ? ""
      : ` AND EXISTS (SELECT 1 FROM assertion a JOIN record r ON r.id = a.record
           JOIN source s ON s.id = r.source
           WHERE a.node = ${n}.id AND a.tenant = $1 AND s.name = ${parameter(step.source)})`
  return {
    from: `(edge ${e} JOIN type ${t} ON ${t}.id = ${e}.type
      JOIN node ${n} ON ${n}.id = ${e}.${there} JOIN type ${nt} ON ${nt}.id = ${n}.type)`,
    where: `${e}.${here} = ${node} AND ${e}.tenant = $1 AND ${t}.name = ${name}
      AND ${nt}.name = ${parameter(step.type)}${described}`,
    there: `${n}.id`,
  }
}
