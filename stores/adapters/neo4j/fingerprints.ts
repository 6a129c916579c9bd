/**
 * A set of texts that may only err on one side: what was added is always there; what was not may
 * seem to be, for one text in some thousands. Four bytes for a text, twice over for room, and
 * nothing for the garbage collector to look at.
 */
const slotsMin = 2 ** 10

export class Fingerprints {
  readonly #seed: number
  #slots = new Uint32Array(slotsMin)
  #size = 0

  /** The seed keeps whoever chooses the texts from choosing where they come to lie. */
  constructor(seed: number) {
    this.#seed = seed
  }

  get size(): number {
    return this.#size
  }

  has(kind: number, text: string): boolean {
    const print = this.#print(kind, text)
    return this.#slots[this.#slotOf(print)] === print
  }

  add(kind: number, text: string): void {
    const print = this.#print(kind, text)
    const slot = this.#slotOf(print)
    if (this.#slots[slot] === print) return
    this.#slots[slot] = print
    if (++this.#size * 2 > this.#slots.length) this.#grow()
  }

  /** Where the print is, or else the free place for it. */
  #slotOf(print: number): number {
    const last = this.#slots.length - 1
    let slot = print & last
    for (let there = this.#slots[slot]; there !== print && there !== 0; there = this.#slots[slot]) {
      slot = (slot + 1) & last
    }
    return slot
  }

  #grow(): void {
    const prints = this.#slots
    this.#slots = new Uint32Array(prints.length * 2)
    for (const print of prints) if (print !== 0) this.#slots[this.#slotOf(print)] = print
  }

  /** FNV-1a, whose low bits are mixed with the high ones at the end. Never 0, a free place's. */
  #print(kind: number, text: string): number {
    let hash = this.#seed ^ kind
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    return (hash ^ (hash >>> 16)) >>> 0 || 1
  }
}
