/**
 * The durable record of a source's newest run: one per source, written under the fence of the
 * connector's shard, before the run's first block and as its position advances (contracts §3, §4).
 */
import { canonicalJson, type Json } from "../protocols/canonical.ts"
import { InvariantBroken } from "../protocols/errors.ts"
import type { Run } from "../protocols/event.ts"
import type { SourcePlace } from "./source.ts"

/**
 * - `open`: reading, or interrupted: the same content goes on from `position`.
 * - `finished`: every record is committed. `failed`: given up; the next reading is a new run.
 */
export type RunState = "open" | "finished" | "failed"

export interface RunRecord {
  readonly run: Run
  readonly state: RunState
  readonly file: string
  /** SHA-256 of the file as it is on disk, hex. */
  readonly contentHash: string
  /** Digest of the recipe, hex. */
  readonly recipeDigest: string
  /** A lower bound: everything before it is acknowledged by the log. */
  readonly position: SourcePlace
  /**
   * The newest file that was read to its end, where only writes followed: what `start` skips. A
   * record without it that is finished speaks of its own file.
   */
  readonly fileRead?: FileRead | undefined
  /** Writes that were not read to their end before a later run began, the newest first. */
  readonly overtaken?: readonly FileRead[] | undefined
}

/** What was read, by which recipe, and in which run. */
export interface FileRead {
  readonly run: Run
  readonly contentHash: string
  readonly recipeDigest: string
}

const currentVersion = 1

export const runPath = (tenant: string, source: string) => ["run", tenant, source] as const
export const recipePath = (tenant: string, digest: string) => ["recipe", tenant, digest] as const

export function encodeRun(record: RunRecord): Uint8Array {
  const { run, position, fileRead, overtaken = [] } = record
  const json: Json = {
    version: currentVersion,
    run: { epoch: run.epoch, count: run.count },
    state: record.state,
    file: record.file,
    contentHash: record.contentHash,
    recipeDigest: record.recipeDigest,
    position: { offset: position.offset, ordinal: position.ordinal },
    ...(fileRead === undefined ? {} : { fileRead: plainFileRead(fileRead) }),
    ...(overtaken.length === 0 ? {} : { overtaken: overtaken.map(plainFileRead) }),
  }
  return Buffer.from(canonicalJson(json), "utf8")
}

/** Reads what this or an older version wrote; a newer version is refused by name. */
export function decodeRun(bytes: Uint8Array): RunRecord {
  const json = JSON.parse(Buffer.from(bytes).toString("utf8")) as RunRecord & { version: number }
  if (json.version > currentVersion) {
    throw new InvariantBroken({
      message:
        `A run record of version ${json.version} is newer than this program's ` +
        `${currentVersion}.`,
    })
  }
  const { run, state, file, contentHash, recipeDigest, position, fileRead, overtaken } = json
  return { run, state, file, contentHash, recipeDigest, position, fileRead, overtaken }
}

const plainFileRead = ({ run, contentHash, recipeDigest }: FileRead): Json => ({
  run: { epoch: run.epoch, count: run.count },
  contentHash,
  recipeDigest,
})

/** What a write has in place of a file's content hash begins so. */
export const writeIncarnation = "write:"

/** Of a file, not of a write over the edge. */
export const isOfFile = ({ contentHash }: Pick<FileRead, "contentHash">): boolean =>
  !contentHash.startsWith(writeIncarnation)

/** The file that need not be read again. */
export function fileReadBy(record: RunRecord | undefined): FileRead | undefined {
  if (record === undefined || record.fileRead !== undefined) return record?.fileRead
  const { run, state, contentHash, recipeDigest } = record
  return state === "finished" ? { run, contentHash, recipeDigest } : undefined
}
