/**
 * What a person sees while connectors work: on a terminal a table that is drawn again in place,
 * elsewhere a plain line per connector now and then. Everything shown is a function of what the
 * node says; only the two loops at the end know the time.
 */
import * as Effect from "effect/Effect"
import type { ConnectorProgress } from "../actors/index.ts"
import { progressDrawMillis, progressTellMillis } from "../protocols/limits.ts"
import type { Io } from "./io.ts"
import { type Cell, figure, textTable } from "./text-table.ts"

const header = ["source", "", "done", "records", "records/s", "mailbox", "refused", "dead-lettered"]

interface Size {
  readonly columns: number
  readonly rows: number
}

/**
 * The table of connectors, one line each, that fits a terminal: none wider, nor more of them, and
 * then those that are at work come first and the rest are counted.
 */
export function progressLines(
  connectors: readonly ConnectorProgress[],
  { columns, rows: height }: Size,
): readonly string[] {
  // One line is the header's, one the cursor's.
  const isWhole = connectors.length <= height - 2
  const shown = isWhole
    ? connectors
    : [...connectors].sort(byWork).slice(0, Math.max(0, height - 3))
  const rows = shown.map((one): readonly Cell[] => [
    one.source,
    one.phase,
    `${percentOf(one)} %`,
    one.offered,
    rateOf(one),
    one.mailboxDepth,
    refusedOf(one),
    one.counters.deadLettered,
  ])
  const lines = textTable(header, rows).split("\n")
  if (!isWhole) lines.push(`${figure(connectors.length - shown.length)} more`)
  return lines.map((line) => line.slice(0, Math.max(1, columns - 1)))
}

/** At work, then not begun, then over. */
const byWork = (a: ConnectorProgress, b: ConnectorProgress) => stageOf(a) - stageOf(b)

const stageOf = (one: ConnectorProgress) => (isOver(one) ? 2 : one.phase === "waiting" ? 1 : 0)

export const plainLine = (one: ConnectorProgress): string =>
  `${one.source}: ${one.phase} ${percentOf(one)} %, ${figure(one.offered)} records, ` +
  `${figure(rateOf(one))}/s, mailbox ${one.mailboxDepth}, refused ${figure(refusedOf(one))}, ` +
  `dead-lettered ${figure(one.counters.deadLettered)}`

const isOver = ({ phase }: ConnectorProgress) =>
  phase === "done" || phase === "skipped" || phase === "failed" || phase === "interrupted"

const percentOf = (one: ConnectorProgress): number => {
  if (one.phase === "done" || one.phase === "skipped") return 100
  if (one.fileBytes === 0) return 0
  return Math.min(100, Math.floor((100 * one.fileBytesRead) / one.fileBytes))
}

const rateOf = (one: ConnectorProgress): number =>
  one.seconds > 0 ? Math.round(one.offered / one.seconds) : 0

/** Blocks that a full mailbox sent back count as well: this is where back-pressure shows. */
const refusedOf = (one: ConnectorProgress): number => one.counters.refused + one.refusedBlocks

type Watched = Pick<Io, "tell" | "draw" | "leave" | "isTerminal" | "size">

/** Shows progress while `work` runs, and its last state once it ended. */
export function whileShown<A, E, R>(
  progress: () => readonly ConnectorProgress[],
  io: Watched,
  work: Effect.Effect<A, E, R>,
): Effect.Effect<A, E, R> {
  const show = io.isTerminal
    ? () => io.draw(progressLines(progress(), io.size()))
    : teller(progress, io)
  const millis = io.isTerminal ? progressDrawMillis : progressTellMillis
  const again = Effect.forever(Effect.andThen(Effect.sleep(millis), Effect.sync(show)))
  const last = Effect.sync(() => {
    show()
    io.leave()
  })
  return Effect.raceFirst(work, again).pipe(Effect.ensuring(last))
}

/** Tells each connector's end once. */
function teller(progress: () => readonly ConnectorProgress[], io: Watched): () => void {
  const over = new Set<string>()
  return () => {
    for (const one of progress()) {
      const key = `${one.tenant}/${one.source}/${one.file}`
      if (over.has(key) || one.phase === "waiting") continue
      if (isOver(one)) over.add(key)
      io.tell(plainLine(one))
    }
  }
}
