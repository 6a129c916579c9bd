/**
 * What a snapshot has shown: for each stretch of its order the revision of the moment at which it
 * was read. Keeps the ends of stretches only, and one for all pages between two commits, so that it
 * stays small however many entities there are.
 */
import { compareUtf8 } from "../protocols/visible.ts"

interface Named {
  readonly type: string
  readonly key: string
}

interface Stretch {
  /** The last entity of it; `undefined` where it goes on to the end of the type, or of all. */
  readonly type: string | undefined
  readonly key: string | undefined
  readonly revision: number
}

export class ShownPages {
  readonly #stretches: Stretch[] = []

  /** Of the last page; 0 before the first. */
  get revision(): number {
    return this.#stretches.at(-1)?.revision ?? 0
  }

  /** Stretches that are remembered. */
  get size(): number {
    return this.#stretches.length
  }

  /** A page up to and with `last`, read at this revision. */
  upTo({ type, key }: Named, revision: number): void {
    this.#add({ type, key, revision })
  }

  /** The last page of a type, or of all types. */
  upToEnd(type: string | undefined, revision: number): void {
    this.#add({ type, key: undefined, revision })
  }

  /** Whether the snapshot shows its entity as it was after this change, or later. */
  has({ type, key, revision }: Named & { readonly revision: number }): boolean {
    const stretches = this.#stretches
    let [low, high] = [0, stretches.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const stretch = stretches[middle]
      if (stretch !== undefined && reaches(stretch, type, key)) high = middle
      else low = middle + 1
    }
    return revision <= (stretches[low]?.revision ?? 0)
  }

  #add(stretch: Stretch): void {
    if (this.#stretches.at(-1)?.revision === stretch.revision) this.#stretches.pop()
    this.#stretches.push(stretch)
  }
}

function reaches(stretch: Stretch, type: string, key: string): boolean {
  if (stretch.type === undefined) return true
  const byType = compareUtf8(type, stretch.type)
  if (byType !== 0 || stretch.key === undefined) return byType <= 0
  return compareUtf8(key, stretch.key) <= 0
}
