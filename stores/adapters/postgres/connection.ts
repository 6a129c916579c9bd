/**
 * Connections to Postgres, and what a text becomes on its way there.
 *
 * Postgres holds no U+0000 in a text, and keys may have one. Of texts that have U+0000 or U+0001
 * each of these is written as U+0001 and one more character, so that texts stay different and in
 * the order of their bytes; all other texts stand as they are.
 */
import pg from "pg"
import {
  postgresAnswerMillisMax,
  postgresConnectMillisMax,
  postgresEndMillisMax,
  postgresIdleMillisMax,
  postgresLockMillisMax,
  postgresStatementMillisMax,
} from "../../../protocols/limits.ts"

/** Where a store lives: everything of it is in one schema. */
export interface PostgresAddress {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string
  readonly schema: string
}

export type Value = string | number | boolean | null | Uint8Array | readonly Value[]

/** Statements over one connection. A row is a tuple; texts and numbers are this program's. */
export class Sql {
  readonly #client: pg.Client
  readonly #known: Map<string, string>

  constructor(client: pg.Client, known: Map<string, string>) {
    this.#client = client
    this.#known = known
  }

  async rows<A extends readonly unknown[]>(text: string, ...values: Value[]): Promise<A[]> {
    const config = { ...this.#named(text), values: values.map(encoded), rowMode: "array" as const }
    return (await this.#client.query<unknown[]>(config)).rows as unknown as A[]
  }

  async row<A extends readonly unknown[]>(text: string, ...values: Value[]) {
    const [first] = await this.rows<A>(text, ...values)
    return first
  }

  /** Without parameters, and not remembered. */
  async run(text: string): Promise<void> {
    await this.#client.query(text)
  }

  /** Prepared once per text and connection; texts are of the program, never of a request. */
  #named(text: string) {
    let name = this.#known.get(text)
    if (name === undefined) {
      name = `s${this.#known.size}`
      this.#known.set(text, name)
    }
    return { name, text }
  }
}

export interface Connection {
  readonly sql: Sql
  readonly client: pg.Client
}

export async function connect(
  address: PostgresAddress,
  settings: readonly string[] = [],
  silentMillisMax = postgresIdleMillisMax,
): Promise<Connection> {
  const all = [
    `search_path=${address.schema}`,
    `lock_timeout=${postgresLockMillisMax}`,
    ...settings,
  ]
  const client = new pg.Client({
    connectionString: address.url,
    connectionTimeoutMillis: postgresConnectMillisMax,
    application_name: "intelgraph",
    keepAlive: true,
    options: all.map((one) => `-c ${one}`).join(" "),
    statement_timeout: postgresStatementMillisMax,
    // Where the network is gone, nobody says so.
    query_timeout: postgresAnswerMillisMax,
    idle_in_transaction_session_timeout: silentMillisMax,
    types: { getTypeParser: parserOf },
  })
  // Told by the next statement; without a listener it would end the process.
  client.on("error", () => {})
  await client.connect()
  return { client, sql: new Sql(client, new Map()) }
}

/** Says goodbye, and does not wait long for a server that hears nothing. */
export async function disconnect({ client }: Connection): Promise<void> {
  const late = setTimeout(() => client.connection.stream.destroy(), postgresEndMillisMax)
  try {
    await client.end()
  } finally {
    clearTimeout(late)
  }
}

/** What people know the store by; no secret is in it. */
export function placeOf({ url, schema }: PostgresAddress): string {
  if (!URL.canParse(url)) return `postgres, schema ${schema}`
  const { host, pathname } = new URL(url)
  return `postgres ${host}${pathname}, schema ${schema}`
}

export const escapedText = (text: string): string =>
  text.includes("\0") || text.includes("\x01")
    ? text.replaceAll("\x01", one).replaceAll("\0", zero)
    : text

const zero = "\x01\x01"
const one = "\x01\x02"

const unescapedText = (text: string): string =>
  text.includes("\x01") ? text.replaceAll(zero, "\0").replaceAll(one, "\x01") : text

function encoded(value: Value): unknown {
  if (typeof value === "string") return escapedText(value)
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length)
  return Array.isArray(value) ? value.map(encoded) : value
}

const { builtins } = pg.types
const ownParsers: ReadonlyMap<number, (text: string) => unknown> = new Map<
  number,
  (text: string) => unknown
>([
  [builtins.INT8, Number],
  [builtins.TEXT, unescapedText],
])

const parserOf = ((type: number, format?: "text" | "binary") =>
  (format === "binary" ? undefined : ownParsers.get(type)) ??
  pg.types.getTypeParser(type, format as "text")) as typeof pg.types.getTypeParser
