/** A register in memory, for nodes of one process: entries vanish when they are not renewed. */
import * as Effect from "effect/Effect"
import {
  type Entry,
  type Found,
  type News,
  type Outcome,
  type Place,
  placeOf,
  type Register,
} from "../../runtime/index.ts"

interface Kept {
  readonly entry: Entry | undefined
  readonly revision: number
}

export class MemoryRegister implements Register {
  readonly #kept = new Map<Place, Kept>()
  readonly #watchers = new Set<(news: News) => void>()
  #revision = 0

  readonly put: Register["put"] = (entry, expected, ttlMillis) =>
    Effect.sync((): Outcome => {
      const place = placeOf(entry)
      const refused = this.#refused(place, expected)
      if (refused !== undefined) return refused
      const { revision } = this.#keep(place, entry)
      const vanish = () => {
        if (this.#kept.get(place)?.revision === revision) this.#keep(place, undefined)
      }
      setTimeout(vanish, ttlMillis).unref()
      return { kind: "done", revision }
    })

  readonly remove: Register["remove"] = (place, expected) =>
    Effect.sync((): Outcome => {
      const refused = this.#refused(place, expected)
      if (refused !== undefined) return refused
      return { kind: "done", revision: this.#keep(place, undefined).revision }
    })

  readonly watch: Register["watch"] = (tell) =>
    Effect.callback<never>(() => {
      tell({ kind: "begins" })
      for (const place of this.#kept.keys()) tell({ kind: "found", ...this.#find(place) })
      tell({ kind: "complete" })
      this.#watchers.add(tell)
      return Effect.sync(() => this.#watchers.delete(tell))
    })

  #refused(place: Place, expected: number | undefined): Outcome | undefined {
    const { entry, revision } = this.#kept.get(place) ?? { entry: undefined, revision: 0 }
    const there = entry === undefined ? undefined : revision
    return there === expected ? undefined : { kind: "refused", found: this.#find(place) }
  }

  #find(place: Place): Found {
    return { place, ...(this.#kept.get(place) ?? { entry: undefined, revision: 0 }) }
  }

  #keep(place: Place, entry: Entry | undefined): Kept {
    this.#revision += 1
    const kept = { entry, revision: this.#revision }
    this.#kept.set(place, kept)
    for (const tell of this.#watchers) tell({ kind: "found", place, ...kept })
    return kept
  }
}
