/** Places in a change feed, compared. */
import type { FeedPosition } from "../../stores/index.ts"

/** Whether all that is before `other` is before `place` too. */
export function covers(place: FeedPosition, other: FeedPosition): boolean {
  if (place.feed !== other.feed) return false
  return other.sequences.every((sequence, at) => (place.sequences[at] ?? 0) >= sequence)
}
