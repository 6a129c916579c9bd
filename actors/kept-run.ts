/**
 * The record of the run that a connector reads, in the durable state: its position as the log
 * acknowledges what was sent, and how it ended (contracts §4). The place of a write that was
 * overtaken is not kept: the source's one position is that of a later run.
 */
import type * as Effect from "effect/Effect"
import type { IntelGraphError } from "../protocols/errors.ts"
import type { Ownership } from "../runtime/index.ts"
import type { Steps } from "./connector-steps.ts"
import type { SourceName } from "./interrupted-files.ts"
import type { OvertakenRun } from "./overtaken.ts"
import type { BegunRun } from "./run-beginning.ts"
import { encodeRun, type RunRecord, type RunState, runPath } from "./run-record.ts"
import type { SourcePlace } from "./source.ts"
import type { World } from "./world.ts"

export interface KeptRunSettings {
  readonly state: World["ports"]["state"]
  readonly steps: Steps
  readonly of: SourceName
  readonly owner: Ownership
}

export class KeptRun {
  readonly record: RunRecord
  /** Where what is read is not the source's newest run. */
  readonly overtaken: OvertakenRun | undefined
  readonly #entries: BegunRun["entries"]
  readonly #settings: KeptRunSettings
  #isWriting = false
  #ordinalWritten = 0

  constructor({ record, overtaken, entries }: BegunRun, settings: KeptRunSettings) {
    this.record = record
    this.overtaken = overtaken
    this.#entries = entries
    this.#settings = settings
  }

  /** Before its first block. */
  begin(): Effect.Effect<void, IntelGraphError> {
    const { state, owner } = this.#settings
    return state.write(owner, this.#entries)
  }

  /** One write at a time; what advances meanwhile goes with the next. */
  advance(place: () => SourcePlace): void {
    if (this.#isWriting || this.overtaken !== undefined) return
    const position = place()
    if (position.ordinal <= this.#ordinalWritten) return
    this.#isWriting = true
    this.#settings.steps.whenDone(this.write("open", position), () => {
      this.#isWriting = false
      this.#ordinalWritten = position.ordinal
      this.advance(place)
    })
  }

  /** How it stands now, at the latest when it ends. */
  write(runState: RunState, position: SourcePlace): Effect.Effect<void, IntelGraphError> {
    const { state, owner, of } = this.#settings
    const own = { ...this.record, state: runState, position }
    const value = encodeRun(this.overtaken?.recordAs(runState) ?? own)
    return state.write(owner, [{ path: runPath(of.tenant, of.source), value }])
  }
}
