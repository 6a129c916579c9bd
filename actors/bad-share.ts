/** Whether so much of a source went to the dead letters that its run fails (contracts §11). */
import type { SourceCounters } from "../protocols/counters.ts"
import { TooManyBad } from "../protocols/errors.ts"
import { maxBadJudgedFromRecords } from "../protocols/limits.ts"
import type { IngestRequest } from "./api.ts"

/** A run that goes on is judged only once there is enough of it. */
export function judgeBadShare(
  { read, deadLettered }: SourceCounters,
  { source, maxBadShare }: Pick<IngestRequest, "source" | "maxBadShare">,
  { complete }: { readonly complete: boolean },
): TooManyBad | undefined {
  const share = read === 0 ? 0 : deadLettered / read
  if (share <= maxBadShare || (!complete && read < maxBadJudgedFromRecords)) return undefined
  const message =
    `${deadLettered} of ${read} records of source ${source} went to the dead ` +
    `letters, more than the ${(maxBadShare * 100).toFixed(1)} % allowed.`
  return new TooManyBad({ deadLettered, read, share, message })
}
