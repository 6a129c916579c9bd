/** `intelgraph log tail`: the blocks that wait in the log, and those that come, without holding. */
import * as Effect from "effect/Effect"
import { decodeBlock } from "../../protocols/block.ts"
import type { IntelGraphError } from "../../protocols/errors.ts"
import { formatRun } from "../../protocols/event.ts"
import {
  blocksShownDefault,
  blocksShownMax,
  logLookMillis,
  partitionsMax,
} from "../../protocols/limits.ts"
import {
  type BlockQuery,
  type LogInspectionShape,
  type LogPlace,
  logBeginning,
  openDataDirectoryReadOnly,
  type StoredBlock,
} from "../../runtime/index.ts"
import { loadSettings } from "../configuration.ts"
import type { Io } from "../io.ts"
import { openInspectionOf } from "../open-ports.ts"
import { wholeNumber } from "../readers.ts"
import { textTable } from "../text-table.ts"
import { attemptInvalid, exit, type Given, isOn, type RunVerb, textFlag } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const settings = yield* loadSettings(given, { env: io.env, folder: io.folder })
    const { last, query, source } = yield* attemptInvalid(() =>
      askedOf(given, settings.tenant.value),
    )
    const directory = yield* openDataDirectoryReadOnly(settings.dataDir.value)
    const log = yield* openInspectionOf(settings, directory)
    const isShown = (block: ShownBlock) => source === undefined || block.source === source
    const json = isOn(given, "json")
    const { shown, place } = yield* lastOf(log, query, isShown, last)
    show(shown, json, io)
    if (!isOn(given, "follow")) {
      if (shown.length === 0) io.tell("intelgraph: No block waits in the log.")
      return exit.done
    }
    io.tell("intelgraph: Following; Ctrl-C ends it. What is handled between two looks is not seen.")
    const coming = follow(log, query, place, (blocks) => {
      show(blocks.filter(isShown), json, io)
      return io.taken
    })
    yield* Effect.raceFirst(coming, io.interrupted)
    return exit.done
  })

/** Throws `Invalid`. */
function askedOf(given: Given, tenant: string) {
  const last = textFlag(given, "last") ?? `${blocksShownDefault}`
  const partition = textFlag(given, "partition")
  const query: BlockQuery = {
    tenant,
    ...(partition === undefined
      ? {}
      : { partition: wholeNumber(0, partitionsMax - 1)(partition, "--partition") }),
  }
  const count = wholeNumber(0, blocksShownMax)(last, "--last")
  return { query, last: count, source: textFlag(given, "source") }
}

interface ShownBlock {
  readonly tenant: string
  readonly partition: number
  readonly sequence: number
  /** What the block says of itself is missing where it cannot be read. */
  readonly sender: string | null
  readonly incarnation: string | null
  readonly senderSequence: number | null
  readonly source: string | null
  readonly run: string | null
  readonly records: number | null
  readonly bytes: number
}

function shownBlock({ tenant, partition, sequence, block }: StoredBlock): ShownBlock {
  const place = { tenant, partition, sequence, bytes: block.length }
  try {
    const { header, source, run: of } = decodeBlock(block)
    const { sender, senderSequence, count } = header
    const { epoch, start } = header.incarnation
    const incarnation = `${epoch}.${start}`
    return {
      ...place,
      ...{ sender, incarnation, senderSequence },
      ...{ source, run: formatRun(of), records: count },
    }
  } catch {
    const [sender, incarnation, senderSequence, source] = [null, null, null, null]
    return { ...place, sender, incarnation, senderSequence, source, run: null, records: null }
  }
}

/** Goes through all that waits, and keeps the end of it. */
const lastOf = (
  log: LogInspectionShape,
  query: BlockQuery,
  isShown: (block: ShownBlock) => boolean,
  last: number,
): Effect.Effect<{ shown: readonly ShownBlock[]; place: LogPlace }, IntelGraphError> =>
  Effect.gen(function* () {
    const tails = yield* log.tails
    // No more than there are now: on a busy node others come for ever.
    let left = tails.reduce((sum, { pending }) => sum + pending, 0)
    let shown: readonly ShownBlock[] = []
    let place = logBeginning
    while (left > 0) {
      const { blocks, place: next } = yield* log.blocks(query, place)
      if (blocks.length === 0) break
      left -= blocks.length
      place = next
      const more = blocks.map(shownBlock).filter(isShown)
      shown = last === 0 ? [] : [...shown, ...more].slice(-last)
    }
    return { shown, place }
  })

const follow = (
  log: LogInspectionShape,
  query: BlockQuery,
  from: LogPlace,
  told: (blocks: readonly ShownBlock[]) => Effect.Effect<void>,
): Effect.Effect<never, IntelGraphError> =>
  Effect.gen(function* () {
    let place = from
    while (true) {
      const page = yield* log.blocks(query, place)
      place = page.place
      if (page.blocks.length === 0) yield* Effect.sleep(logLookMillis)
      else yield* told(page.blocks.map(shownBlock))
    }
  })

function show(blocks: readonly ShownBlock[], json: boolean, io: Io): void {
  if (blocks.length === 0) return
  if (json) for (const block of blocks) io.out(JSON.stringify(block))
  else io.out(textTable(header, blocks.map(rowOf)))
}

const header = ["partition", "sequence", "source", "run", "records", "bytes", "sender", "block"]

const rowOf = (block: ShownBlock) => [
  `${block.tenant}/${block.partition}`,
  String(block.sequence),
  block.source ?? "cannot be read",
  block.run ?? "",
  block.records ?? "",
  block.bytes,
  block.sender ?? "",
  block.sender === null ? "" : `${block.incarnation} #${block.senderSequence}`,
]
