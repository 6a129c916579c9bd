/** Prepared statements with typed rows: each row is a tuple, which reads faster than an object. */
import type { DatabaseSync, SQLInputValue } from "node:sqlite"

type Row = readonly unknown[]

export interface Query<A extends Row> {
  readonly get: (...parameters: SQLInputValue[]) => A | undefined
  readonly all: (...parameters: SQLInputValue[]) => A[]
  readonly iterate: (...parameters: SQLInputValue[]) => IterableIterator<A>
}

export function query<A extends Row>(db: DatabaseSync, sql: string): Query<A> {
  const statement = db.prepare(sql, { returnArrays: true })
  return {
    get: (...parameters) => statement.get(...parameters) as unknown as A | undefined,
    all: (...parameters) => statement.all(...parameters) as unknown as A[],
    iterate: (...parameters) => statement.iterate(...parameters) as unknown as IterableIterator<A>,
  }
}

export type Change = (...parameters: SQLInputValue[]) => void

/**
 * A change whose rows nobody counts. Unlike `run` it does not read the number of the last row,
 * which the text index leaves beyond 2^53.
 */
export function change(db: DatabaseSync, sql: string): Change {
  const statement = db.prepare(sql)
  return (...parameters) => {
    statement.get(...parameters)
  }
}

/** A change that answers the number of its rows. */
export function counted(db: DatabaseSync, sql: string): (...parameters: SQLInputValue[]) => number {
  const statement = db.prepare(sql, { readBigInts: true })
  return (...parameters) => Number(statement.run(...parameters).changes)
}
