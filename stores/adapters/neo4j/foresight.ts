/**
 * A transaction that is decided while the one before it is still being written, or committed where
 * types had to get numbers first.
 *
 * Promises: it is decided by what the one before will have left, and only where that is in memory
 * and the server need not be asked; its statements count only once its own locks show just that:
 * the mark of the one before in every tenant, and the guards as they were. Whatever else they show,
 * what was foreseen comes to nothing and its blocks are decided anew. What may fail beneath:
 * nothing that deciding under the locks would not meet as well.
 */
import { setImmediate as breath } from "node:timers/promises"
import type { BlockOutcome } from "../../graph/port.ts"
import { BlockWriter } from "../../graph/write/block-writer.ts"
import type { Retention } from "../../graph/write/feed-writer.ts"
import type { WireBlock } from "../../graph/write/wire.ts"
import { rowsOf } from "../../graph/write/working-rows.ts"
import { type Numbers, WorkingSet } from "../../graph/write/working-set.ts"
import { Outbox } from "./connection.ts"
import { flushSteps } from "./flush.ts"
import type { KeptRows, Written } from "./kept.ts"
import { foreseeBlocks } from "./load.ts"
import type { KnownNames } from "./names.ts"
import { NotKnown, type Recalled, recalling } from "./recall.ts"
import { Shelf } from "./said.ts"

/** What was decided before its locks were taken. */
export interface Foreseen extends Written {
  readonly shelf: Shelf
  readonly outcomes: readonly BlockOutcome[]
  readonly changed: readonly string[]
  readonly outbox: Outbox
  readonly marks: ReadonlyMap<string, string | undefined>
  readonly guards: ReadonlyMap<number, number>
  /** Of the numbers that its rows have got. */
  readonly numbersEnd: number
}

export interface Foreseeing {
  readonly names: KnownNames
  readonly kept: KeptRows
  readonly store: string
  readonly sender: string
  readonly retention: Partial<Retention>
  readonly numbers: Numbers
  readonly numbersEnd: number
}

type Left = Pick<
  WorkingSet,
  | "tenants"
  | "sources"
  | "sourcesByName"
  | "cursors"
  | "knownTallies"
  | "feeds"
  | "oldChanges"
  | "dropped"
>

/** What transactions leave behind, as far as the next one may look at it. */
export class Foresight {
  #last: Left | undefined
  /** Its rows, until the next one begins or nobody waits. */
  #recalled: Recalled | undefined
  readonly #guards = new Map<number, number>()

  /** Of a transaction that is on its way. */
  follow({ set, shelf }: Recalled): void {
    const { tenants, sources, sourcesByName, cursors, knownTallies, feeds, ...rest } = set
    const { oldChanges, dropped } = rest
    const left = { tenants, sources, sourcesByName, cursors, knownTallies, feeds }
    // What was set aside is counted by the server.
    this.#last = set.deadLetters.length === 0 ? { ...left, oldChanges, dropped } : undefined
    for (const [shard, epoch] of set.guards) this.#guards.set(shard, epoch)
    this.#recalled = { set, shelf }
  }

  /** Lets go of the rows, which may be as many as a transaction has. */
  rest(): void {
    this.#recalled = undefined
  }

  /** The last one's set does not look at old changes again: these are there now. */
  refresh(locked: WorkingSet): void {
    const last = this.#last
    if (last === undefined) return
    const dropped = new Set(last.dropped.map((names) => names.join("/")))
    for (const [tenant, rows] of locked.oldChanges) {
      const kept = rows.filter(([change]) => !dropped.has(`${tenant}/${change}`))
      last.oldChanges.set(tenant, kept)
    }
  }

  forget(): void {
    this.#last = undefined
    this.#recalled = undefined
    this.#guards.clear()
  }

  /** Only of tenants of which all is known can anything be foreseen. */
  isPossible(blocks: readonly WireBlock[], kept: KeptRows): boolean {
    const tenants = this.#last?.tenants
    return blocks.every(([name]) => kept.isWhole(tenants?.get(name) ?? -1))
  }

  /** Decides the blocks, between other work of the thread; `undefined` where it cannot be done. */
  async decide(
    blocks: readonly WireBlock[],
    { names, kept, store, sender, retention, numbers, numbersEnd }: Foreseeing,
  ): Promise<Foreseen | undefined> {
    const set = this.#setOf(numbers)
    if (set === undefined || !this.isPossible(blocks, kept)) return undefined
    const tenants = new Set(blocks.map(([tenant]) => tenant))
    const markOf = (name: string) => kept.markOf(set.tenants.get(name) ?? -1)
    const marks = new Map([...tenants].map((name) => [name, markOf(name)]))
    // Whoever sends a block owns its shard, nearly always.
    for (const [, , shard, epoch] of blocks) {
      if (!set.guards.has(shard)) set.guards.set(shard, epoch)
    }
    const guards = new Map(set.guards)
    const shelf = new Shelf()
    const cypher = recalling(this.#recalled)
    if (!(await isLoaded({ cypher, set, shelf, names, kept }, blocks))) return undefined
    const writer = new BlockWriter(rowsOf(set), retention)
    const outcomes: BlockOutcome[] = []
    for (const block of blocks) {
      outcomes.push(writer.block(block))
      await breath()
    }
    writer.settle()
    await breath()
    const changed = writer.finish()
    const types = (type: number) => names.nameOfType(type)
    if (!areNamed(set, types)) return undefined
    const mark = kept.nextMark()
    const outbox = new Outbox()
    for (const step of flushSteps(outbox, set, { store, sender, mark, types, shelf })) {
      step()
      await breath()
    }
    const turned = new Set([...set.moved.values()].map(([tenant]) => tenant))
    return { set, shelf, mark, turned, outcomes, changed, outbox, marks, guards, numbersEnd }
  }

  #setOf(numbers: Numbers): WorkingSet | undefined {
    const last = this.#last
    if (last === undefined) return undefined
    const set = new WorkingSet(numbers)
    for (const [shard, epoch] of this.#guards) set.guards.set(shard, epoch)
    for (const [name, id] of last.tenants) set.tenants.set(name, id)
    for (const [name, id] of last.sourcesByName) set.sourcesByName.set(name, id)
    for (const cell of last.sources.values()) set.sources.fetched(cell.id, asKept(cell))
    for (const [name, cursor] of last.cursors) set.cursors.set(name, cursor)
    for (const [name, count] of last.knownTallies) set.knownTallies.set(name, count)
    for (const cell of last.feeds.values()) set.feeds.fetched(cell.tenant, asKept(cell))
    for (const [tenant, rows] of last.oldChanges) set.oldChanges.set(tenant, [...rows])
    return set
  }
}

/** What was foreseen is what the locks show. */
export function isAsForeseen(
  { set, marks, guards }: Pick<Foreseen, "set" | "marks" | "guards">,
  locked: Pick<WorkingSet, "guards" | "tenants">,
  kept: KeptRows,
): boolean {
  for (const [shard, epoch] of locked.guards) if (guards.get(shard) !== epoch) return false
  for (const [name, mark] of marks) {
    const tenant = locked.tenants.get(name)
    if (tenant === undefined || tenant !== set.tenants.get(name)) return false
    if (mark === undefined || kept.markOf(tenant) !== mark) return false
    // A program that leaves no marks has moved the turn, and what was kept went with that.
    if (!kept.isWhole(tenant)) return false
  }
  return true
}

const asKept = <C extends object>(cell: C) => ({ ...cell, state: "kept" as const })

async function isLoaded(...parameters: Parameters<typeof foreseeBlocks>): Promise<boolean> {
  try {
    return await foreseeBlocks(...parameters)
  } catch (cause) {
    if (cause instanceof NotKnown) return false
    throw cause
  }
}

function areNamed(set: WorkingSet, types: (type: number) => string | undefined): boolean {
  for (const cells of [set.nodes, set.edges]) {
    for (const { type, state } of cells.values()) {
      if (state === "new" && types(type) === undefined) return false
    }
  }
  return true
}
