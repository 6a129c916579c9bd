/**
 * The writer of `graph.db`: each call is one transaction.
 *
 * Promises: what a call answers is on stable storage, whole; when it throws, nothing of it is. What
 * may fail beneath: any statement; the transaction is rolled back and what was remembered of it is
 * forgotten. It runs in a thread of its own (`worker.ts`) and knows nothing of messages.
 */
import type { DatabaseSync } from "node:sqlite"
import type { BlockOutcome, Guard } from "../../graph/port.ts"
import { BlockWriter } from "../../graph/write/block-writer.ts"
import type { Retention } from "../../graph/write/feed-writer.ts"
import type { GuardAnswer, WireBlock, WireLetterChange } from "../../graph/write/wire.ts"
import { letterSettler, type SettleLetters } from "./settle-letters.ts"
import { statementsOf } from "./statements.ts"

export class GraphWriter {
  readonly #db: DatabaseSync
  readonly #writer: BlockWriter
  #settleLetters: SettleLetters | undefined
  #changed: readonly string[] = []

  constructor(db: DatabaseSync, retention: Partial<Retention> = {}) {
    this.#db = db
    this.#writer = new BlockWriter(statementsOf(db), retention)
  }

  /** Tenants whose feed the last transaction moved. */
  get changed(): readonly string[] {
    return this.#changed
  }

  guard(logId: string, guards: readonly Guard[]): GuardAnswer {
    return this.#transact(() => this.#writer.guard(logId, guards))
  }

  configureSource(tenant: string, source: string, priority: number): void {
    this.#transact(() => this.#writer.configureSource(tenant, source, priority))
  }

  commit(blocks: readonly WireBlock[]): readonly BlockOutcome[] {
    return this.#transact(() => this.#writer.commit(blocks))
  }

  settleLetters(tenant: string, letters: readonly WireLetterChange[]): number {
    this.#settleLetters ??= letterSettler(this.#db)
    const settle = this.#settleLetters
    return this.#transact(() => settle(tenant, letters))
  }

  #transact<A>(use: () => A): A {
    this.#changed = []
    this.#db.exec("BEGIN IMMEDIATE")
    try {
      const answer = use()
      const changed = this.#writer.finish()
      this.#db.exec("COMMIT")
      this.#changed = changed
      return answer
    } catch (cause) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK")
      this.#writer.forget()
      throw cause
    }
  }
}
