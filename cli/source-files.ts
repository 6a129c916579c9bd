/** What is looked at in files before a connector reads them. */
import { accessSync, closeSync, constants, openSync, readSync, statSync } from "node:fs"
import { gunzipSync, constants as zlib } from "node:zlib"
import * as Effect from "effect/Effect"
import { fileSource } from "../actors/index.ts"
import { type IntelGraphError, SourceUnreadable } from "../protocols/errors.ts"
import { bundleHeadBytes, namesToldMax } from "../protocols/limits.ts"

/**
 * Fails where not one of the files can be read, so that nothing is made or opened for them. Where
 * some can, those are read, and at the end it is said what is wrong with the others.
 */
export const refuseUnreadable = (files: readonly string[]): Effect.Effect<void, IntelGraphError> =>
  Effect.gen(function* () {
    if (files.some(hasBytes)) return
    const [, errors] = yield* Effect.partition(files, fileSource.contentHash)
    const error = errorOfAll(errors)
    if (error !== undefined) yield* Effect.fail(error)
  })

function hasBytes(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    const stats = statSync(file)
    return stats.isFile() && stats.size > 0
  } catch {
    return false
  }
}

/** What is told where several went wrong: the first error, or all files that cannot be read. */
export function errorOfAll(errors: readonly IntelGraphError[]): IntelGraphError | undefined {
  const unreadable = errors.filter((error) => error._tag === "SourceUnreadable")
  const [first] = unreadable
  if (first === undefined || first !== errors[0] || unreadable.length === 1) return errors[0]
  const told = unreadable.slice(0, namesToldMax).map(({ message }) => message)
  const more = unreadable.length - told.length
  return new SourceUnreadable({
    ...first,
    message: [...told, ...(more > 0 ? [`Nor can ${more} more be read.`] : [])].join(" "),
    next: "Check the files and ingest them again.",
  })
}

/** Whether a file, plain or gzip, begins as a STIX bundle does. */
export const looksLikeBundle = (file: string): boolean => bundleHead.test(headOf(file))

/** The name of such a file says JSON, and as JSON all of it is one record. */
export const bundleHint = (file: string): string =>
  `intelgraph: ${file} looks like a STIX bundle; read it with --format stix.`

/** An object with the type, before it at most members that are texts. */
const bundleHead = /^\s*\{(?:\s*"[^"]*"\s*:\s*"[^"]*"\s*,)*\s*"type"\s*:\s*"bundle"/

function headOf(file: string): string {
  let handle: number | undefined
  try {
    handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
    const bytes = Buffer.alloc(bundleHeadBytes)
    const head = bytes.subarray(0, readSync(handle, bytes))
    const isGzip = head[0] === 0x1f && head[1] === 0x8b
    return (isGzip ? gunzipSync(head, { finishFlush: zlib.Z_SYNC_FLUSH }) : head).toString("utf8")
  } catch {
    // A connector has told what is wrong with it.
    return ""
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
}
