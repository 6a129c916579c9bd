/**
 * Writes to Neo4j: each call is one transaction, in which the writers of a tenant take turns.
 *
 * Promises: what a call answers is on the server's stable storage, whole; when it throws, the
 * outcome is unknown only where the connection broke at the very end, and nothing of it is there
 * otherwise. What may fail beneath: the connection (the driver makes another one), another
 * transaction in the way (tried again, a bounded number of times), any statement.
 *
 * A tenant's guards and its node are locked before anything is read, so what is read stays as it is
 * and no two writers change the same relationships. Those that a paused writer holds are taken from
 * it by whoever has a higher epoch (`takeover.ts`); else the server ends its transaction in time.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { Driver } from "neo4j-driver"
import {
  neo4jNumbersTaken,
  neo4jRetriesMax,
  neo4jRetryMillisMax,
  neo4jRetryMillisMin,
  neo4jTransactionMillisMax,
} from "../../../protocols/limits.ts"
import type { BlockOutcome, Guard } from "../../graph/port.ts"
import { BlockWriter } from "../../graph/write/block-writer.ts"
import type { Retention } from "../../graph/write/feed-writer.ts"
import type { GuardAnswer, WireBlock, WireLetterChange } from "../../graph/write/wire.ts"
import { rowsOf } from "../../graph/write/working-rows.ts"
import { type Numbers, WorkingSet } from "../../graph/write/working-set.ts"
import {
  type Cypher,
  driverOf,
  type Neo4jAddress,
  type TransactionKind,
  transact,
} from "./connection.ts"
import { isConflict } from "./failure.ts"
import { flush, type TypeNames } from "./flush.ts"
import { turn } from "./flush-fences.ts"
import { type Loading, loadBlocks, loadGuards, loadSource } from "./load.ts"
import { KnownNames } from "./names.ts"
import { Shelf } from "./said.ts"
import { settleLetters } from "./settle-letters.ts"
import { endOlder, metadataOf } from "./takeover.ts"

export interface WriterSettings {
  readonly address: Neo4jAddress
  /** Stands beside each change, so that whoever made it knows it. */
  readonly sender: string
  readonly retention: Partial<Pick<Retention, "changesMax" | "millisMax">>
  /** Its first member counts transactions that are tried again. */
  readonly triesAgain: Int32Array | undefined
}

type Load = (of: Loading) => Promise<void>

const writing = { mode: "WRITE", timeoutMillis: neo4jTransactionMillisMax, keep: true } as const

/** By the server that took the locks, where there are several. */
const beside = { ...writing, keep: false } as const

/** Records and links are numbered anew in each. */
const ofTransaction = { record: 0, link: 0 }

/** Of what makes no rows, and waits for nobody who does. */
const noNumbers: Numbers = { alias: 0, edge: 0, ...ofTransaction }

export class Neo4jWriter {
  readonly #settings: WriterSettings
  readonly #driver: Driver
  readonly #names = new KnownNames()
  #numbers: Numbers | undefined
  #numbersEnd = 0
  #changed: readonly string[] = []

  constructor(settings: WriterSettings) {
    this.#settings = settings
    this.#driver = driverOf(settings.address)
  }

  /** Tenants whose feed the last transaction moved. */
  get changed(): readonly string[] {
    return this.#changed
  }

  /**
   * A transaction of a lower epoch that holds one of the guards is ended first: a paused owner's
   * would hold up the takeover for as long as the server lets it live.
   */
  async guard(logId: string, guards: readonly Guard[]): Promise<GuardAnswer> {
    await this.endOlder(guards)
    return this.#transact(
      guards,
      (of) => loadGuards(of, guards),
      (writer) => writer.guard(logId, guards),
      noNumbers,
    )
  }

  /** Ends transactions of lower epochs that hold one of the guards. */
  endOlder(guards: readonly Guard[]): Promise<void> {
    return this.#in(writing, (cypher) => endOlder(cypher, this.#settings.address.store, guards))
  }

  async configureSource(tenant: string, source: string, priority: number): Promise<void> {
    await this.#transact(
      [],
      async (of) => {
        await loadSource(of, tenant, source)
        turn(of.cypher, of.set.tenants.values())
      },
      (writer) => writer.configureSource(tenant, source, priority),
    )
  }

  commit(blocks: readonly WireBlock[]): Promise<readonly BlockOutcome[]> {
    return this.#transact(
      blocks.map(([, , shard, epoch]) => ({ shard, epoch })),
      (of) => loadBlocks(of, blocks),
      (writer) => writer.commit(blocks),
    )
  }

  async settleLetters(tenant: string, letters: readonly WireLetterChange[]): Promise<number> {
    let found = 0
    const settle = async ({ cypher, store }: Loading) => {
      found = await settleLetters(cypher, store, tenant, letters)
    }
    return this.#transact([], settle, () => found)
  }

  close(): Promise<void> {
    return this.#driver.close()
  }

  async #transact<A>(
    guards: readonly Guard[],
    load: Load,
    decide: (writer: BlockWriter) => A,
    given?: Numbers,
  ): Promise<A> {
    this.#changed = []
    this.#names.bound()
    const metadata = metadataOf(this.#settings.address.store, guards)
    for (let tries = 0; ; tries++) {
      try {
        const numbers = given ?? (await this.#takeNumbers())
        return await this.#in({ ...writing, metadata }, (cypher) =>
          this.#once(cypher, numbers, load, decide),
        )
      } catch (cause) {
        this.#forget()
        if (!isConflict(cause) || tries === neo4jRetriesMax) throw cause
        if (this.#settings.triesAgain !== undefined) Atomics.add(this.#settings.triesAgain, 0, 1)
        const spread = neo4jRetryMillisMax - neo4jRetryMillisMin
        await sleep(neo4jRetryMillisMin + Math.random() * spread)
      }
    }
  }

  async #once<A>(
    cypher: Cypher,
    numbers: Numbers,
    load: Load,
    decide: (writer: BlockWriter) => A,
  ): Promise<A> {
    const { sender } = this.#settings
    const { store } = this.#settings.address
    const set = new WorkingSet(numbers)
    const shelf = new Shelf()
    const names = this.#names
    await load({ cypher, set, store, shelf, names, beside: (use) => this.#in(beside, use) })
    const writer = new BlockWriter(rowsOf(set), this.#settings.retention)
    const answer = decide(writer)
    this.#changed = writer.finish()
    const types = await this.#namesOfTypes(cypher, set)
    await flush(cypher, set, { store, sender, types, shelf })
    if (numbers !== noNumbers) this.#numbers = set.numbers
    return answer
  }

  /** Of new entities and relationships. */
  async #namesOfTypes(cypher: Cypher, set: WorkingSet): Promise<TypeNames> {
    const wanted = new Set<number>()
    for (const { type } of set.nodes.in("new")) wanted.add(type)
    for (const { type } of set.edges.in("new")) wanted.add(type)
    const rows = await cypher.each<[number, string]>(
      "MATCH (t:_Type {id: r}) RETURN t.id, t.name",
      [...wanted].filter((type) => this.#names.nameOfType(type) === undefined),
    )
    for (const [id, name] of rows) this.#names.putNameOfType(id, name)
    return (type) => this.#names.nameOfType(type)
  }

  /** Taken many at once and alone, so that writers of different tenants do not wait here. */
  async #takeNumbers(): Promise<Numbers> {
    const last = this.#numbers
    if (last !== undefined) {
      const highest = Math.max(last.alias, last.edge)
      if (this.#numbersEnd - highest > neo4jNumbersTaken / 2) return { ...last, ...ofTransaction }
    }
    const row = await this.#in(writing, (cypher) =>
      cypher.row<[end: number]>(
        `MERGE (c:_Numbers {of: 'rows'}) SET c._lock = true WITH c
         SET c.last = coalesce(c.last, 0) + $taken RETURN c.last`,
        { taken: neo4jNumbersTaken },
      ),
    )
    this.#numbersEnd = row?.[0] ?? 0
    const begin = this.#numbersEnd - neo4jNumbersTaken
    return { alias: begin, edge: begin, ...ofTransaction }
  }

  /** What is known may never have been written, or have been after all. */
  #forget(): void {
    this.#names.forget()
    this.#numbers = undefined
    this.#changed = []
  }

  #in<A>(kind: TransactionKind, use: (cypher: Cypher) => Promise<A>): Promise<A> {
    return transact(this.#driver, this.#settings.address.database, kind, use)
  }
}
