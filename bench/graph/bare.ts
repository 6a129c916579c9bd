/**
 * The peers of the graph bench: bare loops over the driver that write rows in batches by UNWIND,
 * over so many sessions at once, and try again what the server ended for another's sake.
 */
import neo4j, { type Driver, type ManagedTransaction } from "neo4j-driver"
import type { NodeRow, RelationshipRow, Rows } from "./rows.ts"

export interface Shape {
  /** Rows of one transaction. */
  readonly batch: number
  readonly sessions: number
}

export interface Written {
  readonly millis: number
  /** Transactions that were tried again. */
  readonly retries: number
}

export interface Statement {
  readonly text: string
  readonly rows: readonly unknown[]
}

/** Not those of our store, whose nodes would pay for this loop's constraints. */
const label = (type: string): string => `\`bare ${type}\``

/** What makes look-ups of the plain loop fast, as its writer would have it. */
export async function prepareBare(driver: Driver, rows: Rows): Promise<void> {
  for (const type of new Set(rows.nodes.map((row) => row.type))) {
    await driver.executeQuery(
      `CREATE CONSTRAINT IF NOT EXISTS FOR (n:${label(type)}) REQUIRE n.key IS UNIQUE`,
    )
  }
}

/** What a person would write for the same graph: nodes by key, then what joins them. */
export async function writeBare(driver: Driver, rows: Rows, shape: Shape): Promise<Written> {
  const started = performance.now()
  const nodes = await writeAll(driver, nodeStatements(rows.nodes, shape), shape)
  const joins = await writeAll(driver, relationshipStatements(rows.relationships, shape), shape)
  return { millis: performance.now() - started, retries: nodes + joins }
}

const nodeStatements = (rows: readonly NodeRow[], { batch }: Shape) =>
  [...Map.groupBy(rows, (row) => row.type)].flatMap(([type, own]) =>
    batches(
      own,
      batch,
      `UNWIND $rows AS r MERGE (n:${label(type)} {key: r.key}) SET n += r`,
      (row) => row.properties,
    ),
  )

const relationshipStatements = (rows: readonly RelationshipRow[], { batch }: Shape) =>
  [
    ...Map.groupBy(
      rows,
      ({ fromType, type, toType }) => `${label(fromType)}/\`${type}\`/${label(toType)}`,
    ),
  ].flatMap(([names, own]) => {
    const [from, type, to] = names.split("/")
    const text = `UNWIND $rows AS r MATCH (a:${from} {key: r.from}) MATCH (b:${to} {key: r.to})
        MERGE (a)-[e:${type}]->(b) SET e += r.properties`
    return batches(own, batch, text, (row) => ({
      from: row.from,
      to: row.to,
      properties: row.properties,
    }))
  })

export function batches<A>(
  rows: readonly A[],
  batch: number,
  text: string,
  of: (row: A) => unknown,
) {
  return Array.from(
    { length: Math.ceil(rows.length / batch) },
    (_, i): Statement => ({ text, rows: rows.slice(i * batch, (i + 1) * batch).map(of) }),
  )
}

/** Each statement a transaction; as many at once as there are sessions. Answers the retries. */
export async function writeAll(
  driver: Driver,
  statements: readonly Statement[],
  { sessions }: Shape,
) {
  const left = [...statements]
  let tries = 0
  const lane = async () => {
    const session = driver.session({ database: "neo4j" })
    for (let one = left.shift(); one !== undefined; one = left.shift()) {
      const { text, rows } = one
      await session.executeWrite(async (tx: ManagedTransaction) => {
        tries++
        await tx.run(text, { rows })
      })
    }
    await session.close()
  }
  await Promise.all(Array.from({ length: sessions }, lane))
  return tries - statements.length
}

/** With `useBigInt` whole numbers that were read are written as such again. */
export const openDriver = (
  url: string,
  user: string,
  password: string,
  options: { readonly useBigInt?: boolean } = {},
): Driver =>
  neo4j.driver(url, neo4j.auth.basic(user, password), { ...options, telemetryDisabled: true })
