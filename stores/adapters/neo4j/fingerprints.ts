/**
 * A set of numbered texts of several kinds that may only err on one side: what was added is always
 * there; what was not may seem to be, for one text in 60 million where four million were added. Six
 * bytes for a text, twice over for room, and nothing for the garbage collector to look at.
 *
 * 48 bits instead of 32: a transaction asks for some 30,000 texts, and what is decided ahead of its
 * locks comes to nothing where one of them seems to be there. Of 50,000 that were added, 32 bits
 * had that in one transaction of three.
 */
const slotsMin = 2 ** 10

export class Fingerprints {
  readonly #seed: number
  /** 0 is a free place. */
  #slots = new Uint32Array(slotsMin)
  /** What a print has beside its slot's 32 bits. */
  #rests = new Uint16Array(slotsMin)
  #size = 0
  /** Of the text that was looked at last. */
  #print = 0
  #rest = 0

  /** The seed keeps whoever chooses the texts from choosing where they come to lie. */
  constructor(seed: number) {
    this.#seed = seed
  }

  get size(): number {
    return this.#size
  }

  has(kind: number, of: number, text: string): boolean {
    this.#look(kind, of, text)
    return this.#slots[this.#slotOf(this.#print, this.#rest)] !== 0
  }

  add(kind: number, of: number, text: string): void {
    this.#look(kind, of, text)
    if (!this.#put(this.#print, this.#rest)) return
    if (++this.#size * 2 > this.#slots.length) this.#grow()
  }

  #put(print: number, rest: number): boolean {
    const slot = this.#slotOf(print, rest)
    if (this.#slots[slot] !== 0) return false
    this.#slots[slot] = print
    this.#rests[slot] = rest
    return true
  }

  /** Where the print is, or else the free place for it. */
  #slotOf(print: number, rest: number): number {
    const last = this.#slots.length - 1
    let slot = print & last
    for (let there = this.#slots[slot]; there !== 0; there = this.#slots[slot]) {
      if (there === print && this.#rests[slot] === rest) break
      slot = (slot + 1) & last
    }
    return slot
  }

  #grow(): void {
    const [prints, rests] = [this.#slots, this.#rests]
    this.#slots = new Uint32Array(prints.length * 2)
    this.#rests = new Uint16Array(prints.length * 2)
    for (const [at, print] of prints.entries()) if (print !== 0) this.#put(print, rests[at] ?? 0)
  }

  /**
   * FNV-1a twice over, with multipliers of its 32-bit prime and of MurmurHash3. The kind and the
   * number are mixed in before the text: side by side, 1 with "2/a" and 2 with "1/a" would be one.
   */
  #look(kind: number, of: number, text: string): void {
    const [low, high] = [of % 2 ** 32, Math.floor(of / 2 ** 32)]
    let one = mixed(mixed(mixed(this.#seed ^ mixed(kind)) ^ low) ^ high)
    let other = mixed(one)
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      one = Math.imul(one ^ code, 0x01000193)
      other = Math.imul(other ^ code, 0xcc9e2d51)
    }
    this.#print = mixed(one) >>> 0 || 1
    this.#rest = mixed(other) & 0xffff
  }
}

/** The last steps of MurmurHash3: each bit goes into all others. */
function mixed(hash: number): number {
  const half = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  const whole = Math.imul(half ^ (half >>> 13), 0xc2b2ae35)
  return whole ^ (whole >>> 16)
}
