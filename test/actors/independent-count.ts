/**
 * Counts over the shipped files with nothing of the product but their bytes: what a node must come
 * to. Written apart from the code that it checks.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"

export const shipped = {
  attack: "mitre-attack/enterprise-attack-18.1.stix20.ndjson.gz",
  kev: "cisa-kev/known_exploited_vulnerabilities.json.gz",
  kevAttack: "kev-attack-mappings/kev-07.28.2025_attack-16.1-enterprise.json.gz",
  cve: "cve/cve-2024-slice.ndjson.gz",
}

export const textOf = (path: string): string =>
  gunzipSync(readFileSync(join(import.meta.dirname, "../../data", path))).toString("utf8")
export const linesOf = (path: string): string[] => textOf(path).trimEnd().split("\n")

// biome-ignore lint/suspicious/noExplicitAny: members of foreign JSON, looked at by name
type Any = any

const notReferences = /^(created_by_ref|x_mitre_modified_by_ref|object_marking_refs|marking_ref)$/

function references(from: string, value: Any, name: string, found: Set<string>): Set<string> {
  const isName = /_refs?$/.test(name) && !notReferences.test(name)
  if (typeof value === "string" && value !== "" && isName) found.add(`${from} ${name} ${value}`)
  else if (Array.isArray(value)) for (const item of value) references(from, item, name, found)
  else if (value !== null && typeof value === "object") {
    for (const [member, inner] of Object.entries(value)) references(from, inner, member, found)
  }
  return found
}

/** Records, entities, relationships and derived relationships of STIX, one object a line. */
export function countStix(lines: readonly string[]) {
  const objects = lines.map((line) => JSON.parse(line) as Any)
  const entities = objects.filter((object) => object.type !== "relationship")
  const derived = entities.flatMap((entity) => [...references(entity.id, entity, "", new Set())])
  const relationships = objects.length - entities.length
  return { read: objects.length, entities: entities.length, relationships, derived: derived.length }
}

/** Intrusion sets by the distinct techniques that they use and that a CVE of KEV is mapped to. */
export function topTen(attack: readonly string[], kev: string, mappings: string): string[] {
  const objects = attack.map((line) => JSON.parse(line) as Any)
  const cves = new Set((JSON.parse(kev) as Any).vulnerabilities.map((entry: Any) => entry.cveID))
  const mapped = new Set<string>()
  for (const mapping of (JSON.parse(mappings) as Any).mapping_objects) {
    if (cves.has(mapping.capability_id)) mapped.add(mapping.attack_object_id)
  }
  const isTechnique = (ref: Any) =>
    ref.source_name === "mitre-attack" && mapped.has(ref.external_id)
  const techniques = objects.filter(({ type }) => type === "attack-pattern")
  const hit = techniques.filter((technique) => technique.external_references?.some(isTechnique))
  const hitIds = new Set(hit.map(({ id }) => id))
  const sets = objects.filter(({ type, revoked, x_mitre_deprecated: deprecated }) => {
    return type === "intrusion-set" && revoked !== true && deprecated !== true
  })
  const uses = objects.filter((object) => object.relationship_type === "uses")
  const counted = sets.map(({ id, name }) => {
    const used = uses.filter((use) => use.source_ref === id && hitIds.has(use.target_ref))
    return { name, count: new Set(used.map((use) => use.target_ref)).size }
  })
  counted.sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
  return counted.slice(0, 10).map(({ name, count }) => `${name} ${count}`)
}
