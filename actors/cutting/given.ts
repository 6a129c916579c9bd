/**
 * Records that somebody has one by one, as a source: each is what a cutter would have made of it.
 * Pure; the same records give the same events, from whichever of them reading goes on.
 */
import * as Effect from "effect/Effect"
import type { SourceEvent } from "../../protocols/event.ts"
import type { GivenRecords, OpenSource, SourceReaderShape } from "../source.ts"
import { type Cut, CutList } from "./cut.ts"
import { identifierOf } from "./identify.ts"

type PlaceOf = Parameters<SourceReaderShape["open"]>[1]

export function openGiven(given: GivenRecords, placeOf: PlaceOf): OpenSource {
  const { records, recipe, incarnation } = given
  const bytes = records.reduce((sum, record) => sum + record.length, 0)
  let { ordinal } = placeOf({ hash: incarnation, recipe })
  return {
    contentHash: incarnation,
    fileBytes: bytes,
    recipe,
    next: Effect.sync(() => {
      if (ordinal >= records.length) return undefined
      const events = eventsOf(given).slice(ordinal)
      ordinal = records.length
      return { events, next: { offset: bytes, ordinal }, fileBytesRead: bytes }
    }),
  }
}

export function eventsOf({
  records,
  recipe,
}: Pick<GivenRecords, "records" | "recipe">): readonly SourceEvent[] {
  const identify = identifierOf(recipe)
  return cutsOf(records).map(identify)
}

function cutsOf(records: readonly Uint8Array[]): readonly Cut[] {
  const cuts = new CutList({ offset: 0, ordinal: 0 })
  let offset = 0
  for (const record of records) {
    cuts.record(record, offset, offset + record.length)
    offset += record.length
  }
  return cuts.take()
}
