/**
 * Reads of the Neo4j store. The server shows each statement what is committed by then, so a read of
 * several statements looks at its tenant's turn before and after; where writers were quicker it
 * begins anew, and in the end keeps them out for as long as it takes. Where the address leads to
 * several servers, the one that commits is asked.
 */
import * as Effect from "effect/Effect"
import type { Driver } from "neo4j-driver"
import {
  Invalid,
  InvariantBroken,
  LimitExceeded,
  StoreFailed,
  Unavailable,
} from "../../../protocols/errors.ts"
import {
  longReadsWaitingMax,
  neo4jReadMillisMax,
  neo4jReadsAgainMax,
  neo4jReadsMax,
  retryMillisMax,
} from "../../../protocols/limits.ts"
import type { StoreBroken } from "../../graph/port.ts"
import {
  type Cypher,
  driverOf,
  type Neo4jAddress,
  placeOf,
  type TransactionKind,
  transact,
} from "./connection.ts"
import { storeError } from "./failure.ts"
import type { Stand } from "./watching.ts"

type ReadFailure = Invalid | LimitExceeded | StoreBroken

type Use<A> = (cypher: Cypher, tenant: number) => Promise<A>

const reading = { mode: "READ", timeoutMillis: neo4jReadMillisMax, keep: false } as const
const locking = { ...reading, mode: "WRITE" } as const

/**
 * Of several servers only the one that commits is asked: a copy may be behind what a node has been
 * told, and two copies need not agree on what is committed.
 */
const isRouted = ({ url }: Neo4jAddress): boolean => /^neo4j(\+s|\+ssc)?:/.test(url)

export class ReadStore {
  readonly place: string
  readonly name: string
  readonly #driver: Driver
  readonly #database: string
  readonly #reading: TransactionKind
  #reads = 0
  #long: Promise<unknown> = Promise.resolve()
  #longAsked = 0

  constructor(address: Neo4jAddress) {
    this.#driver = driverOf(address)
    this.#database = address.database
    this.#reading = isRouted(address) ? locking : reading
    this.place = placeOf(address)
    this.name = address.store
  }

  /** One statement, or several that need not agree. */
  plain<A>(use: (cypher: Cypher) => Promise<A>): Effect.Effect<A, ReadFailure> {
    return this.#effect(() => transact(this.#driver, this.#database, this.#reading, use))
  }

  /** Of one moment of a tenant; of one that the store does not know, the number -1. */
  of<A>(name: string, use: Use<A>): Effect.Effect<A, ReadFailure> {
    return this.#effect(() => this.#still(name, use))
  }

  /** Likewise, with the tenant's writers kept out from the beginning. */
  locked<A>(name: string, use: Use<A>): Effect.Effect<A, ReadFailure> {
    return this.#effect(() => this.#alone(name, use))
  }

  /** Likewise as `of`, one after the other: each holds on to what it looks up. */
  long<A>(name: string, use: Use<A>): Effect.Effect<A, ReadFailure> {
    return this.#effect(async () => {
      if (this.#longAsked > longReadsWaitingMax) throw tooManyLong()
      this.#longAsked++
      const own = this.#long.then(() => this.#still(name, use))
      this.#long = own.catch(() => undefined)
      return own.finally(() => {
        this.#longAsked--
      })
    })
  }

  /** Where the feeds of these tenants stand, and whose writer moved them last. */
  stands(tenants: readonly string[]): Promise<readonly Stand[]> {
    return transact(this.#driver, this.#database, this.#reading, (cypher) =>
      cypher.each<Stand>(
        `MATCH (t:_Tenant {store: $store, name: r})
         RETURN t.name, coalesce(t.changes, 0), coalesce(t.sender, '')`,
        tenants,
        { store: this.name },
      ),
    )
  }

  close(): Promise<void> {
    return this.#driver.close()
  }

  async #still<A>(name: string, use: Use<A>): Promise<A> {
    for (let tries = 0; tries < neo4jReadsAgainMax; tries++) {
      const answer = await transact(this.#driver, this.#database, this.#reading, async (cypher) => {
        const [tenant, turn] = await this.#tenant(cypher, name)
        const [found, failure] = await attempted(() => use(cypher, tenant))
        const [, now] = await this.#tenant(cypher, name)
        if (now !== turn) return undefined
        if (failure !== undefined) throw failure.cause
        return { found: found as A }
      })
      if (answer !== undefined) return answer.found
    }
    return this.#alone(name, use)
  }

  #alone<A>(name: string, use: Use<A>): Promise<A> {
    return transact(this.#driver, this.#database, locking, async (cypher) => {
      const row = await cypher.row<[id: number]>(
        `MATCH (t:_Tenant {store: $store, name: $name}) SET t._lock = true
         WITH t RETURN t.id`,
        { store: this.name, name },
      )
      return use(cypher, row?.[0] ?? -1)
    })
  }

  async #tenant(cypher: Cypher, name: string): Promise<readonly [id: number, turn: number]> {
    const row = await cypher.row<[number, number]>(
      "MATCH (t:_Tenant {store: $store, name: $name}) RETURN t.id, coalesce(t.turn, 0)",
      { store: this.name, name },
    )
    return row ?? [-1, 0]
  }

  #effect<A>(use: () => Promise<A>): Effect.Effect<A, ReadFailure> {
    const bounded = async () => {
      if (this.#reads >= neo4jReadsMax) throw tooMany()
      this.#reads++
      try {
        return await use()
      } finally {
        this.#reads--
      }
    }
    return Effect.tryPromise({ try: bounded, catch: (cause) => cause }).pipe(
      Effect.catch((cause) =>
        cause instanceof InvariantBroken
          ? Effect.die(cause)
          : Effect.fail(isExpected(cause) ? cause : storeError(cause, this.place)),
      ),
    )
  }
}

/** What it found, or what it threw: of a moment that was none, neither counts. */
async function attempted<A>(use: () => Promise<A>) {
  try {
    return [await use(), undefined] as const
  } catch (cause) {
    const isOwn = isRefusal(cause) || cause instanceof InvariantBroken
    if (!isOwn) throw cause
    return [undefined, { cause }] as const
  }
}

const tooMany = () =>
  new Unavailable({
    message: `${neo4jReadsMax} reads of the graph are under way already.`,
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
