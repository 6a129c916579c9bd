/**
 * A write whose run a later run of its source has overtaken: its node was lost, or its source went
 * on, before all of it was read, and its bytes came again behind another write.
 *
 * Promises: it goes on as the run that it was, so each of its records is counted in that run once,
 * whoever reads it and how often; the numbers of later runs stay theirs. It is read from its
 * beginning: the source's one position is that of a later run. A record whose key a later run met
 * before it was counted changes nothing any more, and the store cannot tell it from one that was
 * counted: what is missing when the store is past all that was sent are those, and they count as
 * duplicates that are stale. Where the later one may have been older by its version, or was set
 * aside, that would lose what was acknowledged: the write is read once more then, as a run of its
 * own. What may fail beneath: a source that is overtaken too often forgets
 * its oldest such run (`overtakenRunsMax`); that write is a run of its own then, and what it had
 * committed are duplicates.
 */
import type { SourceCounters } from "../protocols/counters.ts"
import type { SourceEvent } from "../protocols/event.ts"
import { overtakenRunsMax } from "../protocols/limits.ts"
import type { Cursor, SourceSummary } from "../stores/index.ts"
import { type FileRead, type RunRecord, type RunState, writeIncarnation } from "./run-record.ts"

/** Where it stands for one write of one client, and never for the same bytes of another. */
const isNumberedWrite = new RegExp(`^${writeIncarnation}\\d+:`)

/** What a source remembers where a later run begins after `before`. */
export function overtakenBy(before: RunRecord | undefined): RunRecord["overtaken"] {
  if (before === undefined) return undefined
  const { run, state, contentHash, recipeDigest, overtaken = [] } = before
  if (state !== "open" || !isNumberedWrite.test(contentHash)) return overtaken
  return [{ run, contentHash, recipeDigest }, ...overtaken].slice(0, overtakenRunsMax)
}

/** A run that goes on although a later one has begun. */
export class OvertakenRun {
  readonly #before: RunRecord
  readonly #of: FileRead
  /** Records of it have versions: which of two is newer is not told by their runs. */
  #hasVersions = false
  /** By partition, the highest place in the log of what was sent. */
  readonly #sent = new Map<number, number>()

  private constructor(before: RunRecord, of: FileRead) {
    this.#before = before
    this.#of = of
  }

  static of(
    before: RunRecord | undefined,
    { contentHash, recipeDigest }: Pick<FileRead, "contentHash" | "recipeDigest">,
  ): OvertakenRun | undefined {
    const found = before?.overtaken?.find(
      (one) => one.contentHash === contentHash && one.recipeDigest === recipeDigest,
    )
    return before === undefined || found === undefined ? undefined : new OvertakenRun(before, found)
  }

  get run() {
    return this.#of.run
  }

  /** The source's record stays that of its newest run; a run that is over is overtaken no more. */
  recordAs(state: RunState): RunRecord {
    if (state === "open") return this.#before
    const left = this.#before.overtaken?.filter((one) => one !== this.#of)
    return { ...this.#before, overtaken: left }
  }

  /** This is one of its records. */
  took({ version }: Pick<SourceEvent, "version">): void {
    this.#hasVersions ||= version !== undefined
  }

  /** The log has a block of it there. */
  sent(partition: number, sequence: number): void {
    this.#sent.set(partition, Math.max(sequence, this.#sent.get(partition) ?? 0))
  }

  /** The store has committed all that was sent. */
  isCovered(cursors: readonly Cursor[]): boolean {
    const known = new Map(cursors.map(({ partition, sequence }) => [partition, sequence]))
    return [...this.#sent].every(([partition, sequence]) => (known.get(partition) ?? 0) >= sequence)
  }

  /**
   * Whether what is not counted, though all that was sent is committed, may be lost unless the
   * write is read once more: `source` is what the store knows of the source.
   */
  mayBeLost(source: Pick<SourceSummary, "counters"> | undefined): boolean {
    return this.#hasVersions || source === undefined || source.counters.deadLettered > 0
  }
}

/** With the records that were overtaken before they were counted. */
export function withOvertaken(counters: SourceCounters, records: number): SourceCounters {
  const missing = Math.max(0, records - counters.read)
  const { read, duplicates, stale } = counters
  return {
    ...counters,
    read: read + missing,
    duplicates: duplicates + missing,
    stale: stale + missing,
  }
}
