/**
 * `checker.ts EXPECTED URL USER PASSWORD`: reads the graph over Bolt, by the driver alone, and
 * compares it with the expected set. A process of its own, which shares nothing with the nodes and
 * writes nothing; its answer is one line of JSON.
 */
import { createReadStream } from "node:fs"
import { createInterface } from "node:readline"
import neo4j, { type Driver } from "neo4j-driver"
import { Comparing, type Comparison, type Found } from "./compare.ts"
import type { Expected } from "./records.ts"

export type { Comparison }

const fetchSize = 5_000

const [expected = "", url = "", user = "", password = ""] = process.argv.slice(2)
const comparing = new Comparing()
for await (const line of createInterface({ input: createReadStream(expected) })) {
  comparing.expect(JSON.parse(line) as Expected)
}
const driver = neo4j.driver(url, neo4j.auth.basic(user, password), {
  disableLosslessIntegers: true,
  fetchSize,
  telemetryDisabled: true,
})
try {
  await readAll(driver)
} finally {
  await driver.close()
}
process.stdout.write(`${JSON.stringify(comparing.end())}\n`)

async function readAll(from: Driver): Promise<void> {
  const counted = ["read", "accepted", "duplicates", "refused", "deadLettered", "replayed"]
  await read(
    from,
    `MATCH (s:_Source) MATCH (t:_Tenant {id: s.tenant})
     OPTIONAL MATCH (u:_Run) WHERE u.tenant = s.tenant AND u.source = s.id
     RETURN 'source' AS kind, t.name AS tenant, s.name AS source,
       ${counted.map((name) => `coalesce(sum(u.${name}), 0) AS ${name}`).join(", ")}`,
  )
  await read(
    from,
    `MATCH (r:_Record) MATCH (s:_Source {id: r.source}) MATCH (t:_Tenant {id: s.tenant})
     RETURN 'record' AS kind, t.name AS tenant, s.name AS source, r.key AS key,
       coalesce(r.ordinal, toInteger(split(r.said, '/')[2])) AS ordinal`,
  )
  await read(
    from,
    `MATCH (n:item) MATCH (t:_Tenant {id: n.tenant})
     RETURN 'item' AS kind, t.name AS tenant, n.key AS key, n.asserted AS asserted,
       n.properties AS properties`,
  )
  await read(
    from,
    `MATCH (n:item)-[e:\`member-of\`]->(g:group) MATCH (t:_Tenant {id: n.tenant})
     RETURN 'edge' AS kind, t.name AS tenant, n.key AS from, g.key AS to`,
  )
}

async function read(from: Driver, statement: string): Promise<void> {
  const session = from.session({ database: "neo4j", defaultAccessMode: "READ", fetchSize })
  try {
    for await (const record of session.run(statement)) comparing.find(record.toObject() as Found)
  } finally {
    await session.close()
  }
}
