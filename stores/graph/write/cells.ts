/** Rows of one table that a transaction has fetched or made, and what is to be written of them. */

/** `new`: to be inserted; `changed`: to be updated; `kept`: as it stands in the store. */
export type State = "kept" | "new" | "changed"

export interface Cell {
  state: State
}

export class Cells<K, C extends Cell> {
  readonly #byKey = new Map<K, C>()
  readonly #gone: C[] = []

  get(key: K): C | undefined {
    return this.#byKey.get(key)
  }

  /** Puts a row that was fetched; one that is there already stays. */
  fetched(key: K, cell: C): C {
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    this.#byKey.set(key, cell)
    return cell
  }

  add(key: K, cell: C): void {
    this.#byKey.set(key, cell)
  }

  remove(key: K): C | undefined {
    const cell = this.#byKey.get(key)
    if (cell === undefined) return undefined
    this.#byKey.delete(key)
    if (cell.state !== "new") this.#gone.push(cell)
    return cell
  }

  get size(): number {
    return this.#byKey.size
  }

  keys(): Iterable<K> {
    return this.#byKey.keys()
  }

  values(): Iterable<C> {
    return this.#byKey.values()
  }

  in(state: State): readonly C[] {
    const found: C[] = []
    for (const cell of this.#byKey.values()) if (cell.state === state) found.push(cell)
    return found
  }

  get gone(): readonly C[] {
    return this.#gone
  }
}

export function change(cell: Cell): void {
  if (cell.state === "kept") cell.state = "changed"
}

/**
 * Values by a number and a text. A text put together of the two would be hashed anew with each
 * look, and that is what a writer does most; the texts of records and entities are hashed once.
 */
export class Keyed<V> {
  readonly #byNumber = new Map<number, Map<string, V>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(of: number, text: string): V | undefined {
    return this.#byNumber.get(of)?.get(text.toWellFormed())
  }

  has(of: number, text: string): boolean {
    return this.#byNumber.get(of)?.has(text.toWellFormed()) === true
  }

  set(of: number, text: string, value: V): void {
    let byText = this.#byNumber.get(of)
    if (byText === undefined) {
      byText = new Map()
      this.#byNumber.set(of, byText)
    }
    const before = byText.size
    byText.set(text.toWellFormed(), value)
    this.#size += byText.size - before
  }

  /** Whether it was not there. */
  add(of: number, text: string, value: V): boolean {
    if (this.has(of, text)) return false
    this.set(of, text, value)
    return true
  }

  delete(of: number, text: string): boolean {
    const isGone = this.#byNumber.get(of)?.delete(text.toWellFormed()) === true
    if (isGone) this.#size--
    return isGone
  }

  clear(): void {
    this.#byNumber.clear()
    this.#size = 0
  }

  /** A call each: an iterator would make two objects for each. */
  visit(use: (of: number, text: string) => void): void {
    for (const [of, byText] of this.#byNumber) for (const text of byText.keys()) use(of, text)
  }
}

/** A set for each key; most have one value, which stands without a set of its own. */
export class Groups<K, V> {
  readonly #only = new Map<K, V>()
  readonly #sets = new Map<K, Set<V>>()

  of(key: K): Iterable<V> {
    const only = this.#only.get(key)
    return only === undefined ? (this.#sets.get(key) ?? none) : [only]
  }

  sizeOf(key: K): number {
    return this.#only.has(key) ? 1 : (this.#sets.get(key)?.size ?? 0)
  }

  add(key: K, value: V & {}): void {
    const set = this.#sets.get(key)
    if (set !== undefined) {
      set.add(value)
      return
    }
    const only = this.#only.get(key)
    if (only === undefined) this.#only.set(key, value)
    else if (only !== value) {
      this.#only.delete(key)
      this.#sets.set(key, new Set([only, value]))
    }
  }

  remove(key: K, value: V): void {
    if (this.#only.get(key) === value) this.#only.delete(key)
    else this.#sets.get(key)?.delete(value)
  }
}

const none: readonly never[] = []
