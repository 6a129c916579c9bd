/**
 * What a person sees while connectors work: on a terminal a table that is drawn again in place,
 * elsewhere a plain line per connector now and then. Everything shown is a function of what the
 * node says; only the two loops at the end know the time.
 */
import * as Effect from "effect/Effect"
import type { ConnectorProgress } from "../actors/index.ts"
import { progressDrawMillis, progressTellMillis } from "../protocols/limits.ts"
import type { Io, Size } from "./io.ts"
import { type Cell, figure, textTable } from "./text-table.ts"

const header = ["source", "", "done", "records", "records/s", "mailbox", "refused", "dead-lettered"]

/**
 * The table of connectors, one line each, that fits a terminal: none wider, nor more of them than
 * have room, and then those that are at work come first and the rest are counted.
 */
export function progressLines(
  connectors: readonly ConnectorProgress[],
  { columns, rows: height }: Size,
): readonly string[] {
  // One line is the header's, one the cursor's.
  const isWhole = connectors.length <= height - 2
  const shown = isWhole
    ? connectors
    : [...connectors].sort(byStage).slice(0, Math.max(0, height - 3))
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
  return lines.slice(0, height - 1).map((line) => line.slice(0, Math.max(1, columns - 1)))
}

/** At work, then broken off, then not begun, then done. */
const stages: { readonly [phase in ConnectorProgress["phase"]]?: number } = {
  failed: 1,
  interrupted: 1,
  waiting: 2,
  done: 3,
  skipped: 3,
}

const byStage = (a: ConnectorProgress, b: ConnectorProgress) => stageOf(a) - stageOf(b)

const stageOf = ({ phase }: ConnectorProgress): number => stages[phase] ?? 0

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

/** Shows progress while `work` runs, and the last state of all connectors once it ended. */
export function whileShown<A, E, R>(
  progress: () => readonly ConnectorProgress[],
  io: Watched,
  work: Effect.Effect<A, E, R>,
): Effect.Effect<A, E, R> {
  const { show, showLast, millis } = io.isTerminal ? drawer(progress, io) : teller(progress, io)
  const again = Effect.forever(Effect.andThen(Effect.sleep(millis), Effect.sync(show)))
  return Effect.raceFirst(work, again).pipe(Effect.ensuring(Effect.sync(showLast)))
}

interface Shows {
  readonly show: () => void
  readonly showLast: () => void
  readonly millis: number
}

function drawer(progress: () => readonly ConnectorProgress[], io: Watched): Shows {
  const draw = (size: Size) => io.draw(progressLines(progress(), size))
  return {
    show: () => draw(io.size()),
    // It is not drawn again, and may be higher than the terminal.
    showLast: () => {
      draw({ ...io.size(), rows: Number.POSITIVE_INFINITY })
      io.leave()
    },
    millis: progressDrawMillis,
  }
}

/** Tells each connector's end once. */
function teller(progress: () => readonly ConnectorProgress[], io: Watched): Shows {
  const over = new Set<string>()
  const show = () => {
    for (const one of progress()) {
      const key = `${one.tenant}/${one.source}/${one.file}`
      if (over.has(key) || one.phase === "waiting") continue
      if (isOver(one)) over.add(key)
      io.tell(plainLine(one))
    }
  }
  return { show, showLast: show, millis: progressTellMillis }
}
