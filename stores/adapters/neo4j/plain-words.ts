/**
 * The distinct words of a text of ASCII, as they are put into the text index.
 *
 * An array of all words, a set of them and a text joined of it took a tenth of the writer's time
 * and left most of what its collector found (decision 0026); here bytes are looked at once each.
 */
import { randomInt } from "node:crypto"
import { indexedWordCharactersMax } from "../../../protocols/limits.ts"

const slotsMin = 64

/** Letters in lower case and digits; 0 is what stands between words. */
const folded = Uint8Array.from({ length: 0x80 }, (_, code) => {
  const one = String.fromCharCode(code).toLowerCase()
  return /[a-z0-9]/.test(one) ? one.charCodeAt(0) : 0
})

/** What was met in one text: by its hash, where a word stands in the bytes that come out. */
class PlainWords {
  /** Makes it hard to write texts whose words are all looked for in one place. */
  readonly #seed = randomInt(2 ** 32)
  #in = Buffer.allocUnsafeSlow(0)
  #out = Buffer.allocUnsafeSlow(0)
  #begins = new Int32Array(slotsMin)
  #ends = new Int32Array(slotsMin)
  /** A slot counts where it has the text's number. */
  #texts = new Int32Array(slotsMin)
  #text = 0
  /** As many slots as the text needs, less one. */
  #lastSlot = 0

  joined(text: string, between: string): string | undefined {
    const { length } = text
    const gap = between.length
    this.#prepare(length, gap)
    const [bytes, out] = [this.#in, this.#out]
    if (bytes.write(text) !== length) return undefined
    // Ends the last word.
    bytes[length] = 0
    let begin = out.write(between, "latin1")
    let at = begin
    let hash = this.#seed
    for (let i = 0; i <= length; i++) {
      const unit = folded[bytes[i] ?? 0] ?? 0
      if (unit !== 0) {
        if (at - begin === indexedWordCharactersMax) continue
        out[at++] = unit
        hash = Math.imul(hash ^ unit, 0x01000193)
      } else if (at > begin) {
        if (this.#isNew(hash, begin, at)) {
          for (let j = 0; j < gap; j++) out[at++] = out[j] ?? 0
          begin = at
        } else at = begin
        hash = this.#seed
      }
    }
    return out.toString("latin1", 0, begin - gap)
  }

  #prepare(length: number, gap: number): void {
    const wordsMax = (length >> 1) + 1
    // A character beyond ASCII has three bytes at most.
    if (this.#in.length <= 3 * length) this.#in = Buffer.allocUnsafeSlow(3 * length + 1)
    const outMax = length + (wordsMax + 1) * gap
    if (this.#out.length < outMax) this.#out = Buffer.allocUnsafeSlow(outMax)
    let slots = slotsMin
    while (slots < 2 * wordsMax) slots *= 2
    this.#lastSlot = slots - 1
    if (this.#texts.length < slots || this.#text === 2 ** 31 - 1) {
      this.#begins = new Int32Array(slots)
      this.#ends = new Int32Array(slots)
      this.#texts = new Int32Array(slots)
      this.#text = 0
    }
    this.#text++
  }

  #isNew(hash: number, begin: number, end: number): boolean {
    const [last, texts, text] = [this.#lastSlot, this.#texts, this.#text]
    let slot = (hash ^ (hash >>> 15)) & last
    while (texts[slot] === text) {
      if (this.#isSame(slot, begin, end)) return false
      slot = (slot + 1) & last
    }
    texts[slot] = text
    this.#begins[slot] = begin
    this.#ends[slot] = end
    return true
  }

  #isSame(slot: number, begin: number, end: number): boolean {
    const from = this.#begins[slot] ?? 0
    const out = this.#out
    if ((this.#ends[slot] ?? 0) - from !== end - begin) return false
    for (let i = 0; i < end - begin; i++) if (out[from + i] !== out[begin + i]) return false
    return true
  }
}

const words = new PlainWords()

/**
 * Each word in the order in which they come, behind `between`, which is ASCII too; `undefined`
 * where the text is not.
 */
export const joinedPlainWords = (text: string, between: string): string | undefined =>
  words.joined(text, between)
