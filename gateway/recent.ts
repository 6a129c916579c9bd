/**
 * What was used last, by name: bounded in number and in length together, the longest unused
 * forgotten first. While less than half is taken a use is not noted: what was kept before then and
 * not used since counts from when it was kept.
 */
export interface RecentBounds<A> {
  readonly countMax: number
  readonly lengthMax: number
  /** What an entry takes, in the unit of `lengthMax`. */
  readonly lengthOf: (name: string, value: A) => number
}

export class Recent<A> {
  readonly #bounds: RecentBounds<A>
  readonly #entries = new Map<string, A>()
  #length = 0

  constructor(bounds: RecentBounds<A>) {
    this.#bounds = bounds
  }

  get count(): number {
    return this.#entries.size
  }

  /** Of all entries together. */
  get length(): number {
    return this.#length
  }

  /** As it is, without counting as use. */
  find(name: string): A | undefined {
    return this.#entries.get(name)
  }

  values(): Iterable<A> {
    return this.#entries.values()
  }

  use(name: string): A | undefined {
    const value = this.#entries.get(name)
    if (value !== undefined) this.#renew(name, value)
    return value
  }

  /** In place of what had the name. An entry that alone is longer than all may be is not kept. */
  keep(name: string, value: A): void {
    const { countMax, lengthMax, lengthOf } = this.#bounds
    this.#forget(name)
    const length = lengthOf(name, value)
    if (length > lengthMax) return
    this.#entries.set(name, value)
    this.#length += length
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= countMax && this.#length <= lengthMax) return
      this.#forget(oldest)
    }
  }

  /** Order matters only where something is to be forgotten soon. */
  #renew(name: string, value: A): void {
    const { countMax, lengthMax } = this.#bounds
    if (this.#entries.size < countMax / 2 && this.#length < lengthMax / 2) return
    this.#entries.delete(name)
    this.#entries.set(name, value)
  }

  #forget(name: string): void {
    const value = this.#entries.get(name)
    if (value === undefined) return
    this.#entries.delete(name)
    this.#length -= this.#bounds.lengthOf(name, value)
  }
}
