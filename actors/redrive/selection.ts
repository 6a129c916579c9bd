/** Which dead letters somebody means, and how they are gone through without holding many. */
import * as Effect from "effect/Effect"
import { type IntelGraphError, NotFound } from "../../protocols/errors.ts"
import { deadLettersSettledMax } from "../../protocols/limits.ts"
import type { DeadLetter, GraphReadsShape, Page } from "../../stores/index.ts"

/** Of each list one must fit, and every list that is not empty; of none, all letters are meant. */
export interface LetterSelection {
  readonly ids: readonly string[]
  readonly sources: readonly string[]
  readonly reasons: readonly string[]
  /** Whole, or the beginning of one. */
  readonly fingerprints: readonly string[]
}

export const isSelected = (letter: DeadLetter, wanted: LetterSelection): boolean =>
  fits(wanted.ids, (id) => id === letter.id) &&
  fits(wanted.sources, (source) => source === letter.source) &&
  fits(wanted.reasons, (reason) => reason === letter.reason) &&
  fits(wanted.fingerprints, (beginning) => letter.fingerprint.startsWith(beginning))

const fits = (of: readonly string[], test: (one: string) => boolean): boolean =>
  of.length === 0 || of.some(test)

/**
 * Works pages of at most `deadLettersSettledMax` selected letters, the oldest first. A page may let
 * its letters go: the next one is read before that. Letters that come meanwhile may be left out.
 */
export function eachPage<E>(
  reads: Pick<GraphReadsShape, "deadLetters" | "counts">,
  tenant: string,
  wanted: LetterSelection,
  work: (letters: readonly DeadLetter[]) => Effect.Effect<void, E>,
): Effect.Effect<void, E | IntelGraphError> {
  if (wanted.ids.length > 0) return Effect.flatMap(named(reads, tenant, wanted), work)
  return Effect.gen(function* () {
    let left = (yield* reads.counts(tenant)).deadLetters
    const query = {
      ...(wanted.sources.length === 1 ? { source: wanted.sources[0] ?? "" } : {}),
      ...(wanted.reasons.length === 1 ? { reason: wanted.reasons[0] ?? "" } : {}),
    }
    const pageAfter = (after: string | undefined) =>
      reads.deadLetters(tenant, query, {
        first: deadLettersSettledMax,
        ...(after === undefined ? {} : { after }),
      })
    let page: Page<DeadLetter> = yield* pageAfter(undefined)
    while (page.items.length > 0 && left > 0) {
      left -= page.items.length
      const next = page.hasMore && left > 0 ? yield* pageAfter(page.end) : nothing
      const selected = page.items.filter((letter) => isSelected(letter, wanted))
      if (selected.length > 0) yield* work(selected)
      page = next
    }
  })
}

const nothing: Page<DeadLetter> = { items: [], end: undefined, hasMore: false }

/** All of them, or none where one is not there. */
const named = (
  reads: Pick<GraphReadsShape, "deadLetters">,
  tenant: string,
  wanted: LetterSelection,
): Effect.Effect<readonly DeadLetter[], IntelGraphError> =>
  Effect.forEach([...new Set(wanted.ids)].slice(0, deadLettersSettledMax), (id) =>
    Effect.gen(function* () {
      const { items } = yield* reads.deadLetters(tenant, { id }, { first: 1 })
      const [letter] = items
      if (letter !== undefined && isSelected(letter, wanted)) return letter
      const message = `There is no dead letter ${JSON.stringify(id.slice(0, 80))} of that kind.`
      return yield* new NotFound({ what: "dead letter", message })
    }),
  )
