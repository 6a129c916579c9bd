/** `intelgraph changes`: what changed of the entities, from the file, beside a node or without. */
import * as Effect from "effect/Effect"
import { decodeResume, encodeResume, knownResumeKey, resumeKeyOf } from "../../gateway/index.ts"
import { type IntelGraphError, Invalid, NotFound } from "../../protocols/errors.ts"
import { changesKeptMax, queryListMax } from "../../protocols/limits.ts"
import {
  type DataDirectory,
  openDataDirectory,
  openDataDirectoryReadOnly,
} from "../../runtime/index.ts"
import type { EntityChange, FeedPosition, VisibleEntity } from "../../stores/index.ts"
import { type ChangeOutput, ChangeReader } from "../change-reader.ts"
import { loadSettings } from "../configuration.ts"
import type { Io } from "../io.ts"
import { openViewOf } from "../open-ports.ts"
import { wholeNumber } from "../readers.ts"
import { noSuchTenant } from "../tenants.ts"
import { printable } from "../text-table.ts"
import { attemptInvalid, exit, type Given, isOn, type RunVerb, textFlag } from "../verb.ts"

export const run: RunVerb = (given, io) =>
  Effect.gen(function* () {
    const settings = yield* loadSettings(given, { env: io.env, folder: io.folder })
    const asked = yield* attemptInvalid(() => askedOf(given))
    const tenant = settings.tenant.value
    const { types, after, snapshots, follows } = asked
    const directory = yield* openDataDirectoryReadOnly(settings.dataDir.value)
    const { feed, reads } = yield* openViewOf(settings, directory)
    const now = yield* feed.position(tenant)
    if (now.feed === "") return yield* Effect.fail(noFeed())
    const key = yield* keyOf(directory)
    const tokenOf = (place: FeedPosition) => encodeResume(key, { tenant, types }, place)
    const from =
      after === undefined
        ? yield* follows ? Effect.succeed(now) : feed.oldest(tenant)
        : yield* attemptInvalid(() => decodeResume(key, { tenant, types }, after))
    const unknown = noSuchTenant(tenant, yield* reads.tenants)
    if (unknown !== undefined) io.tell(`intelgraph: ${unknown}`)
    if (follows) io.tell("intelgraph: Following; Ctrl-C ends it.")
    const output = isOn(given, "json") ? jsonOutput(io, tokenOf) : textOutput(io)
    const { changesMax } = asked
    const reader = new ChangeReader({ feed, tenant, types, changesMax, follows, output, tokenOf })
    const reading = snapshots ? reader.snapshot() : reader.behind(from)
    yield* Effect.raceFirst(reading, io.interrupted)
    const { place } = reader
    const same = types === undefined ? "" : ` --types ${types.join(",")}`
    if (place !== undefined) io.tell(`intelgraph: Go on with --after ${tokenOf(place)}${same}`)
    else io.tell("intelgraph: The snapshot did not come to its end; begin again.")
    return exit.done
  })

interface Asked {
  readonly types: readonly string[] | undefined
  readonly after: string | undefined
  readonly snapshots: boolean
  readonly follows: boolean
  readonly changesMax: number
}

/** Throws `Invalid`. */
function askedOf(given: Given): Asked {
  const after = textFlag(given, "after")
  const snapshots = isOn(given, "snapshot")
  if (after !== undefined && snapshots) {
    const message = "A snapshot begins anew: give either --after or --snapshot."
    throw new Invalid({ what: "snapshot", message })
  }
  const first = textFlag(given, "first")
  const changesMax =
    first === undefined
      ? Number.POSITIVE_INFINITY
      : wholeNumber(1, changesKeptMax)(first, "--first")
  const types = typesOf(textFlag(given, "types"))
  return { types, after, snapshots, follows: isOn(given, "follow"), changesMax }
}

function typesOf(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined
  const types = [...new Set(text.split(",").map((type) => type.trim()))].sort()
  if (types.length <= queryListMax && !types.includes("")) return types
  const message = `--types are up to ${queryListMax} names with commas between, such as a,b.`
  throw new Invalid({ what: "types", message })
}

/** Made here where no node of this release has run yet; for that the directory must be free. */
const keyOf = (directory: DataDirectory): Effect.Effect<Uint8Array, IntelGraphError> => {
  const known = knownResumeKey(directory)
  if (known !== undefined) return Effect.succeed(known)
  return Effect.scoped(Effect.flatMap(openDataDirectory(directory.path), resumeKeyOf))
}

const noFeed = () =>
  new NotFound({
    what: "changes",
    message: "This graph was written by an earlier release, which kept no changes.",
    next: "Start a node on it once; changes are kept from then on.",
  })

const jsonOutput = (io: Io, tokenOf: (place: FeedPosition) => string): ChangeOutput => ({
  entity: (entity) => {
    const { type, key, revision } = entity
    const line = { kind: "snapshot", type, key, revision, entity: shown(entity), resume: null }
    io.out(JSON.stringify(line))
  },
  snapshotEnds: (revision, place) =>
    io.out(JSON.stringify({ kind: "snapshot-end", revision, resume: tokenOf(place) })),
  change: ({ kind, type, key, revision, entity, position }) => {
    const resume = tokenOf(position)
    io.out(JSON.stringify({ kind, type, key, revision, entity: shown(entity), resume }))
  },
  taken: io.taken,
})

/** By name: an entity may hold its properties as something else until they are looked at. */
const shown = (entity: VisibleEntity | undefined) => {
  if (entity === undefined) return null
  const { type, key, stub, properties, aliases, revision } = entity
  return { type, key, stub, properties, aliases, revision }
}

const textOutput = (io: Io): ChangeOutput => ({
  entity: (entity) => io.out(lineOf("snapshot", entity)),
  snapshotEnds: () => {},
  change: (change) => io.out(lineOf(change.kind, change)),
  taken: io.taken,
})

const lineOf = (kind: string, { revision, type, key }: VisibleEntity | EntityChange): string =>
  `${String(revision).padStart(10)}  ${kind.padEnd(8)}  ${printable(type)}  ${printable(key)}`
