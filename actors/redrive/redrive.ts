/**
 * Sends dead letters again as records of their source, and lets go those that are taken.
 *
 * Promises: a letter goes only after its record is committed, or found to be there already; what
 * fails again stays where it is, with what is wrong with it now; so does what cannot be told. What
 * is sent is a run of its own, like a write over the edge, and counted as one: the equations of
 * contracts §4 hold, and the run that set the record aside keeps its counts. What may fail beneath:
 * the process dies between the commit and the letters' going; sent again they are duplicates, and
 * go then. Does not promise order: without a version, what is sent now is the newest word on its
 * record (decision 0028).
 */
import { hash } from "node:crypto"
import * as Effect from "effect/Effect"
import {
  addSourceCounters,
  noSourceCounters,
  type SourceCounters,
} from "../../protocols/counters.ts"
import { type IntelGraphError, Invalid, Unavailable } from "../../protocols/errors.ts"
import type { Run } from "../../protocols/event.ts"
import { lettersStayedTold, retryMillisMax } from "../../protocols/limits.ts"
import type { DeadLetter, DeadLetterChange, RunDeadLetter } from "../../stores/index.ts"
import type { IngestReport, IntelNode } from "../api.ts"
import { writeIncarnation } from "../run-record.ts"
import type { Recipe } from "../source.ts"
import type { Ports } from "../world.ts"
import { faultOf, type LetterFault, letterFault } from "./judge.ts"
import { type NamedRecipe, recipeOfSource } from "./recipe-of-source.ts"
import { eachPage, type LetterSelection } from "./selection.ts"

export interface RedriveRequest {
  readonly tenant: string
  readonly selection: LetterSelection
  /** Of the sources that somebody named one for. */
  readonly recipeOf: (source: string) => Effect.Effect<NamedRecipe | undefined, IntelGraphError>
  /** In place of the bytes of the one letter that is selected. */
  readonly edit: Uint8Array | undefined
  /** Nothing is written; the report says what would be. */
  readonly dryRun: boolean
}

/** A letter that is still there, and why. */
export interface StayedLetter {
  readonly id: string
  readonly source: string
  readonly reason: string
  readonly detail: string
}

export interface RedriveReport {
  readonly selected: number
  /** Records that are in the graph now, or would be: their letters are gone. */
  readonly taken: number
  readonly stayed: number
  /** The first `lettersStayedTold` of those that stayed. */
  readonly letters: readonly StayedLetter[]
  /** What the runs counted. */
  readonly counters: SourceCounters
}

export const nothingRedriven: RedriveReport = {
  selected: 0,
  taken: 0,
  stayed: 0,
  letters: [],
  counters: noSourceCounters,
}

/** Who follows what becomes of dead letters. */
export interface LetterWatch<Report> {
  /** After each page. */
  readonly told: (report: Report) => void
  /** These are gone for good. */
  readonly gone: (letters: readonly DeadLetter[]) => void
}

export interface LetterParts {
  readonly node: Pick<IntelNode, "ingest">
  readonly ports: Pick<Ports, "state" | "reads" | "sink">
}

export const redrive = (
  parts: LetterParts,
  request: RedriveRequest,
  watch: LetterWatch<RedriveReport>,
): Effect.Effect<RedriveReport, IntelGraphError> =>
  Effect.gen(function* () {
    const { tenant, selection } = request
    const redriving = new Redriving(parts, request, watch)
    yield* eachPage(parts.ports.reads, tenant, selection, (letters) =>
      Effect.map(redriving.page(letters), () => watch.told(redriving.report)),
    )
    return redriving.report
  })

interface Sent {
  readonly letter: DeadLetter
  readonly bytes: Uint8Array
}

class Redriving {
  report = nothingRedriven
  readonly #node: LetterParts["node"]
  readonly #ports: LetterParts["ports"]
  readonly #request: RedriveRequest
  readonly #watch: LetterWatch<RedriveReport>
  readonly #recipes = new Map<string, Recipe>()

  constructor(
    { node, ports }: LetterParts,
    request: RedriveRequest,
    watch: LetterWatch<RedriveReport>,
  ) {
    this.#node = node
    this.#ports = ports
    this.#request = request
    this.#watch = watch
  }

  page(letters: readonly DeadLetter[]): Effect.Effect<void, IntelGraphError> {
    const { edit } = this.#request
    if (edit !== undefined && letters.length !== 1) return Effect.fail(oneEdited())
    const bySource = Map.groupBy(letters, ({ source }) => source)
    return Effect.forEach(bySource, ([source, own]) => this.#ofSource(source, own), {
      discard: true,
    })
  }

  #ofSource(source: string, letters: readonly DeadLetter[]) {
    const { edit, dryRun } = this.#request
    return Effect.gen({ self: this }, function* () {
      const recipe = yield* this.#recipe(source)
      const send: Sent[] = []
      const mended: DeadLetterChange[] = []
      for (const letter of letters) {
        const bytes = edit ?? letter.bytes
        const isWhole = edit !== undefined || isKeptWhole(letter)
        const fault = isWhole ? faultOf(bytes, recipe) : undefined
        if (!isWhole) this.#stays(letter, notWhole)
        else if (fault === undefined) send.push({ letter, bytes })
        else {
          this.#stays(letter, fault)
          if (edit === undefined && isOther(letter, fault)) mended.push(changeOf(letter, fault))
        }
      }
      if (dryRun) return this.#takes(send.length, noSourceCounters)
      yield* this.#ports.sink.settleDeadLetters(this.#request.tenant, mended)
      if (send.length > 0) yield* this.#send(source, recipe, send)
    })
  }

  #recipe(source: string): Effect.Effect<Recipe, IntelGraphError> {
    const { tenant, recipeOf } = this.#request
    const known = this.#recipes.get(source)
    if (known !== undefined) return Effect.succeed(known)
    return recipeOf(source).pipe(
      Effect.flatMap((named) => recipeOfSource(this.#ports.state, tenant, source, named)),
      Effect.tap((recipe) => Effect.sync(() => this.#recipes.set(source, recipe))),
    )
  }

  #send(source: string, recipe: Recipe, sent: readonly Sent[]) {
    const { tenant } = this.#request
    const { reads, sink } = this.#ports
    return Effect.gen({ self: this }, function* () {
      let run: Run | undefined
      const report = yield* this.#node.ingest({
        tenant,
        source,
        format: recipe.format,
        mapping: recipe.mapping,
        file: "redrive",
        given: {
          records: sent.map(({ bytes }) => bytes),
          recipe,
          incarnation: incarnationOf(sent),
        },
        again: "always",
        maxBadShare: 1,
        watch: {
          seen: (_, of) => {
            run = of ?? run
          },
          settle: () => Effect.void,
        },
      })
      if (report.phase !== "done" || run === undefined) return yield* Effect.fail(unsaid(report))
      const again = yield* reads.deadLettersOfRun(tenant, source, run, sent.length)
      // Beyond the bound of dead letters a record is counted and not kept: nobody knows which.
      const isKnown = again.length === report.counters.deadLettered
      const changes = isKnown ? this.#settled(run, sent, again) : []
      if (!isKnown) for (const { letter } of sent) this.#stays(letter, notKnown)
      // The letters of this run are those of the run that set the records aside first.
      for (let at = 0; at < changes.length; at += sent.length) {
        yield* sink.settleDeadLetters(tenant, changes.slice(at, at + sent.length))
      }
      const failed = new Set(again.map(({ ordinal }) => ordinal))
      const gone = isKnown ? sent.filter((_, ordinal) => !failed.has(ordinal)) : []
      this.#watch.gone(gone.map(({ letter }) => letter))
      this.#takes(gone.length, report.counters)
    })
  }

  #settled(
    run: Run,
    sent: readonly Sent[],
    again: readonly RunDeadLetter[],
  ): readonly DeadLetterChange[] {
    const faults = new Map(again.map((one) => [one.ordinal, one]))
    return sent.flatMap(({ letter, bytes }, ordinal) => {
      const found = faults.get(ordinal)
      if (found === undefined) return [changeOf(letter, undefined)]
      const fault = letterFault(bytes, found)
      this.#stays(letter, fault)
      const second = { source: letter.source, run, ordinal, fault: undefined }
      return this.#request.edit === undefined ? [changeOf(letter, fault), second] : [second]
    })
  }

  #stays({ id, source }: DeadLetter, { reason, detail }: Pick<StayedLetter, "reason" | "detail">) {
    const { selected, stayed, letters } = this.report
    const told = letters.length < lettersStayedTold
    this.report = {
      ...this.report,
      selected: selected + 1,
      stayed: stayed + 1,
      letters: told ? [...letters, { id, source, reason, detail }] : letters,
    }
  }

  #takes(letters: number, counted: SourceCounters): void {
    const { selected, taken, counters } = this.report
    this.report = {
      ...this.report,
      selected: selected + letters,
      taken: taken + letters,
      counters: addSourceCounters(counters, counted),
    }
  }
}

const isKeptWhole = ({ bytes, lengthBytes }: DeadLetter): boolean =>
  bytes.length > 0 && bytes.length >= lengthBytes

const isOther = (letter: DeadLetter, fault: LetterFault): boolean =>
  letter.fingerprint !== fault.fingerprint || letter.detail !== fault.detail

const changeOf = (
  { source, run, ordinal }: DeadLetter,
  fault: LetterFault | undefined,
): DeadLetterChange => ({
  source,
  run,
  ordinal,
  fault:
    fault === undefined
      ? undefined
      : { reason: fault.reason, detail: fault.detail, fingerprint: fault.fingerprint },
})

/** The same letters sent again after a crash are the same run. */
function incarnationOf(sent: readonly Sent[]): string {
  const lines = sent.map(({ letter, bytes }) => `${letter.id} ${hash("sha256", bytes, "hex")}\n`)
  return `${writeIncarnation}redrive:${hash("sha256", lines.join(""), "hex")}`
}

const notWhole = {
  reason: "not-whole",
  detail: "Only the beginning of its bytes was kept; send the whole record with --edit.",
}

const notKnown = {
  reason: "not-known",
  detail: "The tenant keeps no more dead letters, so it is not known which records failed again.",
}

const oneEdited = () =>
  new Invalid({
    what: "redrive",
    message: "An edited record takes the place of one dead letter.",
    next: "Name that one with --id.",
  })

/** Some may be committed and none is let go: sent again, those are duplicates. */
const unsaid = ({ error }: IngestReport): IntelGraphError =>
  error ??
  new Unavailable({
    retryAfterMillis: retryMillisMax,
    message: "The node ends before all records were sent; their dead letters are kept.",
  })
