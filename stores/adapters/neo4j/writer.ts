/**
 * Writes to Neo4j: each call is one transaction, in which the writers of a tenant take turns.
 *
 * Promises: what a call answers is on the server's stable storage, whole; when it throws, the
 * outcome is unknown only where the connection broke at the very end, and nothing of it is there
 * otherwise. What may fail beneath: the connection (the driver makes another one), another
 * transaction in the way (tried again, a bounded number of times), any statement.
 *
 * A tenant's guards and its node are locked before anything is read, so what is read stays as it is
 * and no two writers change the same relationships. What was decided before that counts only where
 * the locks show what it was decided by (`foresight.ts`). New types of blocks that come next get
 * their numbers before a transaction is committed, and it waits, and fails, with that. Locks that a
 * paused writer holds are taken from it by whoever has a higher epoch (`takeover.ts`); else the
 * server ends it in time.
 */
import { setImmediate as breath, setTimeout as sleep } from "node:timers/promises"
import type { Driver } from "neo4j-driver"
import {
  foreseenRecordsMin,
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
import { flushSteps, type TypeNames } from "./flush.ts"
import { turn } from "./flush-fences.ts"
import { type Foreseen, Foresight, isAsForeseen } from "./foresight.ts"
import { KeptRows, type Written } from "./kept.ts"
import { type Loading, loadBlocks, loadGuards, loadSource, lockBlocks, nameAhead } from "./load.ts"
import { KnownNames } from "./names.ts"
import { Shelf } from "./said.ts"
import { settleLetters } from "./settle-letters.ts"
import { endOlder, endPassed, metadataOf } from "./takeover.ts"

export interface WriterSettings {
  readonly address: Neo4jAddress
  /** Stands beside each change, so that whoever made it knows it. */
  readonly sender: string
  readonly retention: Partial<Pick<Retention, "changesMax" | "millisMax">>
  /** Counts transactions that are tried again; its second member, those that came as foreseen. */
  readonly counts: Int32Array | undefined
}

interface Done<A> extends Written {
  readonly shelf: Shelf
  readonly answer: A
  readonly changed: readonly string[]
}

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
  readonly #kept = new KeptRows()
  readonly #foresight = new Foresight()
  #numbers: Numbers | undefined
  #numbersEnd = 0
  #changed: readonly string[] = []
  /** On its way to the server; what comes next may still name its types in it. */
  #open: Loading | undefined
  #naming: Promise<void> | undefined

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
      (of) =>
        this.#decide(
          of,
          () => loadGuards(of, guards),
          (writer) => writer.guard(logId, guards),
        ),
      noNumbers,
    )
  }

  /** Ends transactions of lower epochs that hold one of the guards. */
  endOlder(guards: readonly Guard[]): Promise<void> {
    return this.#in(writing, (cypher) => endOlder(cypher, this.#settings.address.store, guards))
  }

  /** Ends transactions of former owners that stand still. */
  endPassed(): Promise<void> {
    return this.#in(writing, (cypher) => endPassed(cypher, this.#settings.address.store))
  }

  async configureSource(tenant: string, source: string, priority: number): Promise<void> {
    await this.#transact([], async (of) => {
      const load = async () => {
        await loadSource(of, tenant, source)
        for (const id of of.set.tenants.values()) of.turned.add(id)
        turn(of.cypher, of.turned, of.mark)
      }
      const done = await this.#decide(of, load, (writer) =>
        writer.configureSource(tenant, source, priority),
      )
      this.#numbers = done.set.numbers
      this.#kept.learn(done)
      this.#foresight.forget()
      return done
    })
  }

  /**
   * `foreseen` is what was decided of these blocks before; `sent` is called as soon as another
   * commit's blocks may be foreseen.
   */
  commit(
    blocks: readonly WireBlock[],
    foreseen?: Foreseen,
    sent: () => void = () => undefined,
  ): Promise<readonly BlockOutcome[]> {
    let early = foreseen
    return this.#transact(
      blocks.map(([, , shard, epoch]) => ({ shard, epoch })),
      async (of) => {
        const first = early
        early = undefined
        // Whatever could be decided by the one before has been.
        this.#foresight.rest()
        await lockBlocks(of, blocks)
        // Numbers of another time may be others' by now.
        const isTimely = first?.numbersEnd === this.#numbersEnd
        const done =
          first !== undefined && isTimely && isAsForeseen(first, of.set, this.#kept)
            ? this.#asForeseen(of, first)
            : await this.#decide(
                of,
                () => loadBlocks(of, blocks),
                (writer) => writer.commit(blocks),
              )
        this.#numbers = done.set.numbers
        this.#kept.learn(done)
        this.#foresight.follow(done)
        if (done.set !== of.set) this.#foresight.refresh(of.set)
        this.#open = of
        sent()
        return done
      },
    )
  }

  /** Decides blocks that come after those of the commit under way. */
  async foresee(blocks: readonly WireBlock[]): Promise<Foreseen | undefined> {
    if (this.#numbersLeft() === undefined) return undefined
    if (this.#open !== undefined && this.#foresight.isPossible(blocks, this.#kept)) {
      this.#naming = nameAhead(this.#open, blocks)
      await this.#naming
    }
    const numbers = this.#numbersLeft()
    if (numbers === undefined) return undefined
    const { sender, retention, address } = this.#settings
    const known = { names: this.#names, kept: this.#kept }
    const { store } = address
    const given = { numbers, numbersEnd: this.#numbersEnd }
    return this.#foresight.decide(blocks, { ...known, store, sender, retention, ...given })
  }

  /** Nobody waits for a transaction. */
  rest(): void {
    this.#foresight.rest()
  }

  async settleLetters(tenant: string, letters: readonly WireLetterChange[]): Promise<number> {
    this.#foresight.forget()
    const settle = async (of: Loading) => {
      const answer = await settleLetters(of, tenant, letters)
      return { ...of, answer, changed: [] }
    }
    return this.#transact([], settle, noNumbers)
  }

  close(): Promise<void> {
    return this.#driver.close()
  }

  async #transact<A>(
    guards: readonly Guard[],
    work: (of: Loading) => Promise<Done<A>>,
    given?: Numbers,
  ): Promise<A> {
    this.#changed = []
    this.#names.bound()
    this.#kept.bound()
    const metadata = metadataOf(this.#settings.address.store, guards)
    for (let tries = 0; ; tries++) {
      try {
        const numbers = given ?? (await this.#takeNumbers())
        const { answer, changed } = await this.#in({ ...writing, metadata }, async (cypher) => {
          const done = await work(this.#loading(cypher, numbers))
          await cypher.answered()
          await this.#closed()
          return done
        })
        this.#changed = changed
        return answer
      } catch (cause) {
        this.#forget()
        if (!isConflict(cause) || tries === neo4jRetriesMax) throw cause
        this.#count(0)
        const spread = neo4jRetryMillisMax - neo4jRetryMillisMin
        await sleep(neo4jRetryMillisMin + Math.random() * spread)
      }
    }
  }

  #loading(cypher: Cypher, numbers: Numbers): Loading {
    return {
      ...{ cypher, store: this.#settings.address.store, set: new WorkingSet(numbers) },
      ...{ shelf: new Shelf(), names: this.#names, kept: this.#kept },
      ...{ mark: this.#kept.nextMark(), turned: new Set() },
      beside: (use) => this.#in(beside, use),
    }
  }

  async #decide<A>(
    of: Loading,
    load: () => Promise<void>,
    decide: (writer: BlockWriter) => A,
  ): Promise<Done<A>> {
    const { cypher, set, store, shelf, mark, turned } = of
    const { sender, retention } = this.#settings
    await load()
    const writer = new BlockWriter(rowsOf(set), retention)
    const answer = decide(writer)
    const changed = writer.finish()
    const types = await this.#namesOfTypes(cypher, set)
    for (const [tenant] of set.moved.values()) turned.add(tenant)
    for (const step of flushSteps(cypher, set, { store, sender, mark, types, shelf })) {
      step()
      // What one step has put together is with the server while the next one is put together.
      if (set.records.size >= foreseenRecordsMin) await breath()
    }
    return { set, shelf, mark, turned, answer, changed }
  }

  #asForeseen({ cypher }: Loading, foreseen: Foreseen): Done<readonly BlockOutcome[]> {
    this.#count(1)
    cypher.postAll(foreseen.outbox)
    return { ...foreseen, answer: foreseen.outcomes }
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
    const left = this.#numbersLeft()
    if (left !== undefined) return left
    const row = await this.#in(writing, (cypher) =>
      cypher.row<[end: number]>(
        `MERGE (c:_Numbers {of: 'rows'}) SET c._lock = true WITH c
         SET c.last = coalesce(c.last, 0) + $taken RETURN c.last`,
        { taken: neo4jNumbersTaken },
      ),
    )
    this.#numbersEnd = row?.[0] ?? 0
    const begin = this.#numbersEnd - neo4jNumbersTaken
    this.#numbers = { alias: begin, edge: begin, ...ofTransaction }
    return this.#numbers
  }

  /** The transaction is asked for nothing more; what it was asked for beside is answered. */
  #closed(): Promise<void> {
    const naming = this.#naming ?? Promise.resolve()
    this.#open = undefined
    this.#naming = undefined
    return naming
  }

  #count(what: number): void {
    const { counts } = this.#settings
    if (counts !== undefined) Atomics.add(counts, what, 1)
  }

  #numbersLeft(): Numbers | undefined {
    const last = this.#numbers
    if (last === undefined) return undefined
    const highest = Math.max(last.alias, last.edge)
    if (this.#numbersEnd - highest <= neo4jNumbersTaken / 2) return undefined
    return { ...last, ...ofTransaction }
  }

  /** What is known may never have been written, or have been after all. */
  #forget(): void {
    this.#names.forget()
    this.#foresight.forget()
    this.#open = undefined
    this.#naming = undefined
    this.#numbers = undefined
    this.#changed = []
  }

  #in<A>(kind: TransactionKind, use: (cypher: Cypher) => Promise<A>): Promise<A> {
    return transact(this.#driver, this.#settings.address.database, kind, use)
  }
}
