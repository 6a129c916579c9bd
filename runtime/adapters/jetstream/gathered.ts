/**
 * A read that all share who ask for it while the one before is under way.
 *
 * Promises: what anybody is told was read after they had asked. Where it fails, it fails for all
 * who share it.
 */
export class Gathered<A> {
  readonly #read: () => Promise<A>
  #before: Promise<unknown> = Promise.resolve()
  #next: Promise<A> | undefined

  constructor(read: () => Promise<A>) {
    this.#read = read
  }

  ask(): Promise<A> {
    this.#next ??= this.#begin()
    return this.#next
  }

  async #begin(): Promise<A> {
    await this.#before
    this.#next = undefined
    const read = this.#read()
    this.#before = read.catch(() => undefined)
    return await read
  }
}
