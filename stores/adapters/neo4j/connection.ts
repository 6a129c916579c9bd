/**
 * Connections to Neo4j, statements, and what values become on their way there and back: whole
 * numbers are integers there, bytes are byte arrays, everything else stands as it is.
 */
import neo4j, { type Driver, Neo4jError, type QueryResult, type SessionMode } from "neo4j-driver"
import {
  neo4jConnectionsMax,
  neo4jConnectMillisMax,
  neo4jRowsPerStatement,
} from "../../../protocols/limits.ts"
import { PackedRows, type Value } from "./packed-rows.ts"
import { passPackedRows } from "./pass-packed-rows.ts"

/** Where a store lives. Several stores of one database have nothing in common but its indexes. */
export interface Neo4jAddress {
  /** `bolt://host:port`, `bolt+s://…`, `neo4j://…`. */
  readonly url: string
  readonly user: string
  readonly password: string
  readonly database: string
  /** Name of the store within its database. */
  readonly store: string
}

export type Parameters = Readonly<Record<string, Value | Batch>>

/**
 * Rows of a statement. They stand within a map, since the server plans a statement anew for each
 * order of magnitude of a list's length, where the list is a parameter by itself.
 */
interface Batch {
  readonly rows: readonly Value[]
}

export function driverOf({ url, user, password }: Neo4jAddress): Driver {
  passPackedRows()
  return neo4j.driver(url, neo4j.auth.basic(user, password), {
    connectionTimeout: neo4jConnectMillisMax,
    connectionAcquisitionTimeout: neo4jConnectMillisMax,
    maxConnectionPoolSize: neo4jConnectionsMax,
    fetchSize: neo4jRowsPerStatement,
    disableLosslessIntegers: true,
    telemetryDisabled: true,
    userAgent: "intelgraph",
  })
}

/** What people know the store by; no secret is in it. */
export function placeOf({ url, database, store }: Neo4jAddress): string {
  const host = URL.canParse(url) ? new URL(url).host : ""
  return `neo4j ${host}/${database}, store ${store}`
}

interface Runner {
  readonly run: (text: string, parameters?: Record<string, unknown>) => PromiseLike<QueryResult>
}

/** Statements of one transaction. A row is a tuple in the order of what the statement returns. */
export class Cypher {
  readonly #runner: Runner
  readonly #sent: Promise<unknown>[] = []
  /** Statements whose answers are not here yet. */
  readonly #open = new Set<Promise<unknown>>()
  readonly #failures: unknown[] = []

  constructor(runner: Runner) {
    this.#runner = runner
  }

  rows<A extends readonly unknown[]>(text: string, parameters: Parameters = {}) {
    return this.command<A>(`${kept} ${text}`, parameters)
  }

  /** Of the schema and of the server, which are not planned. */
  async command<A extends readonly unknown[]>(text: string, parameters: Parameters = {}) {
    const { records } = await this.#run(text, encodedAll(parameters))
    return records.map(
      (record) => record.keys.map((key) => decoded(record.get(key))) as unknown as A,
    )
  }

  async row<A extends readonly unknown[]>(text: string, parameters: Parameters = {}) {
    const [first] = await this.rows<A>(text, parameters)
    return first
  }

  /** `text` follows `UNWIND $batch.rows AS r`; a statement has a bounded number of them. */
  async each<A extends readonly unknown[]>(
    text: string,
    rows: readonly Value[],
    parameters: Parameters = {},
  ): Promise<A[]> {
    const found: A[] = []
    for (const batch of batchesOf(rows)) {
      for (const row of await this.rows<A>(unwound(text), { ...parameters, batch })) {
        found.push(row)
      }
    }
    return found
  }

  /**
   * As `each`, without waiting for the answer: the server works while what follows is put together.
   * Whoever sends waits for `answered` before the transaction ends.
   */
  send(text: string, rows: readonly Value[], parameters: Parameters = {}): void {
    for (const batch of batchesOf(rows)) this.post(unwound(text), { ...parameters, batch })
  }

  /** Likewise, a statement as it stands. */
  post(text: string, parameters: Parameters): void {
    this.#post({ text: `${kept} ${text}`, parameters: encodedAll(parameters) })
  }

  /** Likewise, what was put together before there was a transaction. */
  postAll({ statements }: Outbox): void {
    for (const statement of statements) this.#post(statement)
  }

  #post({ text, parameters }: Statement): void {
    const answer = this.#run(text, parameters)
    answer.catch(() => undefined)
    this.#sent.push(answer)
  }

  /** Fails as the first of what was sent failed. */
  async answered(): Promise<void> {
    await Promise.all(this.#sent.splice(0))
  }

  /**
   * Why the transaction failed. Of what is asked once it has, the client says only that it is over,
   * and may say so before it tells the reason: all that is under way is heard first.
   */
  async reason(cause: unknown): Promise<unknown> {
    while (this.#open.size > 0) await Promise.allSettled(this.#open)
    // What was read beside a transaction that was ended meanwhile may not fit together.
    const isOwn = !(cause instanceof Neo4jError)
    if (isOwn && this.#failures.length === 0) await this.rows("RETURN 1").catch(() => undefined)
    return this.#failures.find(isTold) ?? this.#failures[0] ?? cause
  }

  async #run(text: string, parameters: Record<string, unknown>): Promise<QueryResult> {
    const answer = Promise.resolve(this.#runner.run(text, parameters))
    this.#open.add(answer)
    try {
      const result = await answer
      releaseRows(parameters)
      return result
    } catch (cause) {
      this.#failures.push(cause)
      throw cause
    } finally {
      this.#open.delete(answer)
    }
  }
}

interface Statement {
  readonly text: string
  readonly parameters: Record<string, unknown>
}

/** Takes statements that write, each without waiting for the answer to the one before. */
export type Outgoing = Pick<Cypher, "send" | "post">

/** Statements that write, put together before there is a transaction for them. */
export class Outbox implements Outgoing {
  readonly statements: Statement[] = []

  send(text: string, rows: readonly Value[], parameters: Parameters = {}): void {
    for (const batch of batchesOf(rows)) this.post(unwound(text), { ...parameters, batch })
  }

  post(text: string, parameters: Parameters): void {
    this.statements.push({ text: `${kept} ${text}`, parameters: encodedAll(parameters) })
  }
}

/** By the server, or of the connection: the client's own words have no code. */
const isTold = (cause: unknown): boolean => cause instanceof Neo4jError && cause.code !== "N/A"

const unwound = (text: string): string => `UNWIND $batch.rows AS r ${text}`

function* batchesOf<A extends Value>(rows: readonly A[]): Generator<{ readonly rows: A[] }, void> {
  for (let at = 0; at < rows.length; at += neo4jRowsPerStatement) {
    yield { rows: rows.slice(at, at + neo4jRowsPerStatement) }
  }
}

// A statement goes by indexes of uniqueness and is planned once: planned anew whenever the graph
// has grown, it would cost a part of a second again and again, and find the same way.
const kept = "CYPHER replan=skip"

/**
 * Runs in one transaction, which the server ends after `timeoutMillis`. What reads is rolled back:
 * a lock that it took then costs the server no write.
 */
export async function transact<A>(
  driver: Driver,
  database: string,
  { mode, timeoutMillis, keep, metadata = {} }: TransactionKind,
  use: (cypher: Cypher) => Promise<A>,
): Promise<A> {
  const session = driver.session({ database, defaultAccessMode: mode })
  try {
    // Not waited for: its first statement goes with it.
    const transaction = session.beginTransaction({
      timeout: neo4j.int(timeoutMillis),
      metadata,
    })
    const cypher = new Cypher(transaction)
    try {
      const answer = await use(cypher)
      if (keep) await transaction.commit()
      return answer
    } catch (cause) {
      throw await cypher.reason(cause)
    } finally {
      if (transaction.isOpen()) await transaction.rollback().catch(() => undefined)
    }
  } finally {
    await session.close().catch(() => undefined)
  }
}

export interface TransactionKind {
  readonly mode: SessionMode
  readonly timeoutMillis: number
  readonly keep: boolean
  /** What the server tells others of it while it runs. */
  readonly metadata?: Readonly<Record<string, string>>
}

const encodedAll = (parameters: Parameters): Record<string, unknown> =>
  Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, encoded(value)]))

function encoded(value: Parameters[string]): unknown {
  if (value === null || typeof value === "string") return value
  if (typeof value === "number") return Number.isSafeInteger(value) ? neo4j.int(value) : value
  if (value instanceof Uint8Array) {
    return new Int8Array(value.buffer, value.byteOffset, value.byteLength)
  }
  if (Array.isArray(value)) return value.map(encoded)
  return typeof value === "object" ? { rows: new PackedRows((value as Batch).rows) } : value
}

function releaseRows(parameters: Record<string, unknown>): void {
  for (const value of Object.values(parameters)) {
    const { rows } = (value ?? {}) as { readonly rows?: unknown }
    if (rows instanceof PackedRows) rows.release()
  }
}

function decoded(value: unknown): unknown {
  if (!(value instanceof Int8Array)) return value
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
}
