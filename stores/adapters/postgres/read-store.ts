/**
 * Reads of the Postgres store: each on a connection of its own for as long as it takes, in one
 * snapshot, however many statements. Connections are few; reads wait for one, a bounded number of
 * them.
 */
import * as Effect from "effect/Effect"
import {
  Invalid,
  InvariantBroken,
  LimitExceeded,
  StoreFailed,
  Unavailable,
} from "../../../protocols/errors.ts"
import {
  internedNamesMax,
  longReadsWaitingMax,
  postgresReadersMax,
  postgresReadsWaitingMax,
  retryMillisMax,
} from "../../../protocols/limits.ts"
import type { StoreBroken } from "../../graph/port.ts"
import {
  type Connection,
  connect,
  disconnect,
  type PostgresAddress,
  placeOf,
  type Sql,
} from "./connection.ts"
import { storeError } from "./failure.ts"

type ReadFailure = Invalid | LimitExceeded | StoreBroken

export class ReadStore {
  readonly place: string
  readonly #address: PostgresAddress
  readonly #idle: Connection[] = []
  readonly #borrowing = new Set<Connection>()
  readonly #waiting: (() => void)[] = []
  #open = 0
  #isClosed = false
  #long: Promise<unknown> = Promise.resolve()
  #longAsked = 0
  // Numbers of names never change and are never given again.
  readonly #tenants = new Map<string, number>()
  readonly #types = new Map<string, number>()

  constructor(address: PostgresAddress) {
    this.#address = address
    this.place = placeOf(address)
  }

  /** One statement, or several that need not agree. */
  plain<A>(use: (sql: Sql) => Promise<A>): Effect.Effect<A, ReadFailure> {
    return this.#effect(() => this.#borrowed(use))
  }

  /** In one snapshot, of one tenant; of one that the store does not know, the number -1. */
  of<A>(
    name: string,
    use: (sql: Sql, tenant: number) => Promise<A>,
  ): Effect.Effect<A, ReadFailure> {
    return this.#effect(() => this.#snapshot(name, use))
  }

  /** Likewise, one after the other: each holds on to what it looks up. */
  long<A>(
    name: string,
    use: (sql: Sql, tenant: number) => Promise<A>,
  ): Effect.Effect<A, ReadFailure> {
    return this.#effect(async () => {
      if (this.#longAsked > longReadsWaitingMax) throw tooManyLong()
      this.#longAsked++
      const own = this.#long.then(() => this.#snapshot(name, use))
      this.#long = own.catch(() => undefined)
      return own.finally(() => {
        this.#longAsked--
      })
    })
  }

  async type(sql: Sql, tenant: number, name: string): Promise<number> {
    const own = `${tenant} ${name}`
    const known = this.#types.get(own)
    if (known !== undefined) return known
    const row = await sql.row<[number]>(
      "SELECT id FROM type WHERE tenant = $1 AND name = $2",
      tenant,
      name,
    )
    return row === undefined ? -1 : remember(this.#types, own, row[0])
  }

  /** Reads under way fail, and those that wait for a connection. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const wake of this.#waiting.splice(0)) wake()
    await Promise.all([...this.#idle.splice(0), ...this.#borrowing].map(disconnect))
  }

  async #tenant(sql: Sql, name: string): Promise<number> {
    const known = this.#tenants.get(name)
    if (known !== undefined) return known
    const row = await sql.row<[number]>("SELECT id FROM tenant WHERE name = $1", name)
    return row === undefined ? -1 : remember(this.#tenants, name, row[0])
  }

  #snapshot<A>(name: string, use: (sql: Sql, tenant: number) => Promise<A>): Promise<A> {
    return this.#borrowed(async (sql) => {
      await sql.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
      const [found, refusal] = await refused(async () => use(sql, await this.#tenant(sql, name)))
      await sql.run("ROLLBACK")
      if (refusal !== undefined) throw refusal
      return found as A
    })
  }

  async #borrowed<A>(use: (sql: Sql) => Promise<A>): Promise<A> {
    const connection = await this.#borrow()
    let isSound = false
    try {
      const answer = await use(connection.sql)
      isSound = true
      return answer
    } catch (cause) {
      isSound = isRefusal(cause)
      throw cause
    } finally {
      this.#giveBack(connection, isSound)
    }
  }

  async #borrow(): Promise<Connection> {
    while (!this.#isClosed && this.#idle.length === 0 && this.#open >= postgresReadersMax) {
      if (this.#waiting.length >= postgresReadsWaitingMax) throw tooManyReads()
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    if (this.#isClosed) throw closed()
    const connection = this.#idle.pop() ?? (await this.#connect())
    this.#borrowing.add(connection)
    if (!this.#isClosed) return connection
    this.#giveBack(connection, false)
    throw closed()
  }

  async #connect(): Promise<Connection> {
    this.#open++
    try {
      return await connect(this.#address, ["default_transaction_read_only=on", "jit=off"])
    } catch (cause) {
      this.#open--
      this.#waiting.shift()?.()
      throw cause
    }
  }

  #giveBack(connection: Connection, isSound: boolean): void {
    this.#borrowing.delete(connection)
    if (isSound && !this.#isClosed) this.#idle.push(connection)
    else {
      this.#open--
      void disconnect(connection)
    }
    this.#waiting.shift()?.()
  }

  #effect<A>(use: () => Promise<A>): Effect.Effect<A, ReadFailure> {
    return Effect.tryPromise({ try: use, catch: (cause) => cause }).pipe(
      Effect.catch((cause) =>
        cause instanceof InvariantBroken
          ? Effect.die(cause)
          : Effect.fail(isExpected(cause) ? cause : storeError(cause, this.place)),
      ),
    )
  }
}

function remember(known: Map<string, number>, name: string, id: number): number {
  if (known.size >= internedNamesMax) known.clear()
  known.set(name, id)
  return id
}

/** What it found, or why it was refused; after any other failure the connection is of no use. */
async function refused<A>(use: () => Promise<A>) {
  try {
    return [await use(), undefined] as const
  } catch (cause) {
    if (!isRefusal(cause)) throw cause
    return [undefined, cause] as const
  }
}

const closed = () =>
  new Unavailable({ message: "The graph store is closed.", retryAfterMillis: retryMillisMax })

const tooManyReads = () =>
  new Unavailable({
    message: `${postgresReadsWaitingMax} reads of the graph wait already.`,
    retryAfterMillis: retryMillisMax,
  })

const tooManyLong = () =>
  new Unavailable({
    message: `${longReadsWaitingMax} long reads (rankings, hashes) wait already.`,
    retryAfterMillis: retryMillisMax,
  })

const isRefusal = (cause: unknown): cause is Invalid | LimitExceeded =>
  cause instanceof Invalid || cause instanceof LimitExceeded

const isExpected = (cause: unknown): cause is ReadFailure =>
  isRefusal(cause) || cause instanceof StoreFailed || cause instanceof Unavailable
