/** What the shipped sources must come to, counted over the files and by SQL over `graph.db`. */
import { DatabaseSync } from "node:sqlite"
import { countStix, topTen } from "../actors/independent-count.ts"
import type { Printed } from "./world.ts"

export interface Inputs {
  /** ATT&CK, one object a line. */
  readonly attack: readonly string[]
  readonly kev: string
  readonly kevAttack: string
}

/** The numbers of a main job over these inputs, from nothing but their bytes. */
export function expectedOf({ attack, kev, kevAttack }: Inputs) {
  const { mapping_objects: mappings } = JSON.parse(kevAttack) as Printed
  const cves = new Set<string>(mappings.map(({ capability_id: id }: Printed) => id))
  const techniques = new Set<string>(mappings.map(({ attack_object_id: id }: Printed) => id))
  return {
    ...countStix(attack),
    cves: cves.size,
    techniques: techniques.size,
    stubs: missingEnds(attack) + missingTechniques(attack, techniques),
    answer: topTen(attack, kev, kevAttack),
  }
}

/** Ids that relationships and references name and that no object has. */
function missingEnds(attack: readonly string[]): number {
  const objects = attack.map((line) => JSON.parse(line) as Printed)
  const described = new Set(objects.map(({ id }) => id))
  const named = objects.flatMap((object) =>
    object.type === "relationship"
      ? [object.source_ref, object.target_ref]
      : [...(object.tactic_refs ?? []), object.x_mitre_data_source_ref, ...objectRefs(object)],
  )
  return new Set(named.filter((id) => id && !described.has(id))).size
}

const objectRefs = (object: Printed): string[] => [
  ...(object.object_refs ?? []),
  ...(object.x_mitre_contents ?? []).map((one: Printed) => one.object_ref),
]

/** Techniques that the mapping names and that no attack-pattern goes by. */
function missingTechniques(attack: readonly string[], named: ReadonlySet<string>): number {
  const known = new Set<string>()
  for (const line of attack) {
    const { type, external_references: references } = JSON.parse(line) as Printed
    if (type !== "attack-pattern") continue
    for (const one of references ?? []) {
      if (one.source_name === "mitre-attack") known.add(one.external_id)
    }
  }
  return [...named].filter((id) => !known.has(id)).length
}

/** The same numbers from the tables that the node left. */
export function countedBySql(graph: string) {
  const db = new DatabaseSync(graph, { readOnly: true })
  const one = (sql: string) => Number(Object.values(db.prepare(sql).get() ?? {})[0])
  try {
    const of = `FROM link JOIN record r ON r.id = link.record JOIN source s ON s.id = r.source`
    return {
      read: one("SELECT sum(read) FROM run JOIN source s ON s.id = source WHERE s.name = 'attack'"),
      entities: one(`SELECT count(DISTINCT a.node) FROM assertion a JOIN record r ON r.id = a.record
        JOIN source s ON s.id = r.source WHERE s.name = 'attack'`),
      relationships: one(
        `SELECT count(DISTINCT edge) ${of} WHERE s.name = 'attack' AND NOT derived`,
      ),
      derived: one(`SELECT count(DISTINCT edge) ${of} WHERE s.name = 'attack' AND derived`),
      cves: one(`SELECT count(DISTINCT from_node) ${mapped("from_node")}`),
      techniques: one(`SELECT count(DISTINCT to_node) ${mapped("to_node")}`),
      stubs: one("SELECT count(*) FROM node WHERE asserted = 0"),
      answer: db
        .prepare(question)
        .all()
        .map(({ name, n }) => `${name} ${n}`),
    }
  } finally {
    db.close()
  }
}

const mapped = (end: "from_node" | "to_node") => `FROM edge e JOIN type t ON t.id = e.type
  JOIN node n ON n.id = e.${end} WHERE t.name = 'mapped-to'`

const question = `
  WITH kev AS (SELECT DISTINCT a.node FROM assertion a JOIN record r ON r.id = a.record
      JOIN source s ON s.id = r.source WHERE s.name = 'kev'),
    hit AS (SELECT DISTINCT e.to_node FROM edge e JOIN type t ON t.id = e.type
      JOIN node n ON n.id = e.to_node JOIN type nt ON nt.id = n.type
      WHERE t.name = 'mapped-to' AND nt.name = 'attack-pattern'
        AND e.from_node IN (SELECT node FROM kev))
  SELECT n.properties ->> 'name' AS name, count(DISTINCT e.to_node) AS n
  FROM node n JOIN type nt ON nt.id = n.type AND nt.name = 'intrusion-set'
    JOIN edge e ON e.from_node = n.id JOIN type t ON t.id = e.type AND t.name = 'uses'
  WHERE n.asserted > 0 AND e.to_node IN (SELECT to_node FROM hit)
    AND NOT coalesce(n.properties ->> 'revoked', 0)
    AND NOT coalesce(n.properties ->> 'x_mitre_deprecated', 0)
  GROUP BY n.id ORDER BY 2 DESC, 1 LIMIT 10`
