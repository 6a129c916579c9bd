/**
 * The `SourceReader` of files: plain or gzip by content, in every format that can be cut.
 *
 * Promises: a file is what its hash says; one that changes while it is read is refused from there
 * on. Bytes are read only when records are asked for, one buffer at a time. What may fail beneath:
 * any call of the file system, a gzip stream that ends too soon or is damaged. A gzip stream that
 * ends too soon gives its records and one dead letter for the rest; everything else is
 * `SourceUnreadable` with one sentence, and the records before it stand. Devices, pipes and folders
 * are not read.
 */
import { createHash } from "node:crypto"
import { type BigIntStats, constants } from "node:fs"
import { type FileHandle, open as openFile } from "node:fs/promises"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Invalid, SourceUnreadable } from "../../protocols/errors.ts"
import type { SourceEvent } from "../../protocols/event.ts"
import { sourceChunkBytes, sourceHeadBytes } from "../../protocols/limits.ts"
import type { Cut, Cutter } from "../cutting/cut.ts"
import { openGiven } from "../cutting/given.ts"
import { identifierOf } from "../cutting/identify.ts"
import { type LaidOut, layOut, makeCutter } from "../cutting/layout.ts"
import type {
  OpenSource,
  Recipe,
  SourceChunk,
  SourcePlace,
  SourceReaderShape,
  SourceSpec,
} from "../source.ts"
import {
  type ByteSource,
  type BytesEnd,
  inflatedBytes,
  isGzip,
  plainBytes,
  Unreadable,
} from "./gunzip.ts"

export const fileSource: SourceReaderShape = {
  open: (spec, placeOf) => {
    const { given } = spec
    if (given === undefined) return openSource(spec, placeOf)
    return Effect.sync(() => openGiven(given, placeOf))
  },
  contentHash: (file) =>
    Effect.scoped(
      Effect.flatMap(opened(file), (handle) => attempt(file, () => checkedHash(handle))),
    ),
}

/** The first bytes of a file, uncompressed. */
export const fileHead = (file: string): Effect.Effect<Buffer, SourceUnreadable> =>
  Effect.scoped(
    Effect.flatMap(opened(file), (handle) =>
      attempt(file, async () => readHead(handle, await isGzip(handle))),
    ),
  )

type PlaceOf = Parameters<SourceReaderShape["open"]>[1]

const openSource = Effect.fn("fileSource.open")(function* (spec: SourceSpec, placeOf: PlaceOf) {
  const { file, write } = spec
  const handle = yield* opened(write?.path ?? file, file)
  const stats = yield* attempt(file, () => handle.stat({ bigint: true }))
  const contentHash = write?.incarnation ?? (yield* attempt(file, () => checkedHash(handle)))
  const gzip = yield* attempt(file, () => isGzip(handle))
  const head = yield* attempt(file, () => readHead(handle, gzip))
  const { layout, recipe } = yield* laidOut(spec, head)
  const place = placeOf({ hash: contentHash, recipe })
  const bytes = yield* Effect.acquireRelease(
    Effect.sync(() => (gzip ? inflatedBytes : plainBytes)(handle, place.offset)),
    (source) => Effect.sync(source.close),
  )
  const reading = new Reading(handle, stats, bytes, makeCutter(layout, place), recipe)
  const source: OpenSource = {
    contentHash,
    fileBytes: Number(stats.size),
    recipe,
    next: attempt(
      file,
      () => reading.next(),
      () => reading.place().offset,
    ),
  }
  return source
})

function laidOut(spec: SourceSpec, head: Uint8Array): Effect.Effect<LaidOut, Invalid> {
  const recipe: Recipe = { format: spec.format, mapping: spec.mapping, columns: undefined }
  return Effect.try({
    try: () => layOut(recipe, head),
    catch: (thrown) => {
      if (thrown instanceof Invalid) return thrown
      throw thrown
    },
  })
}

/** An open file that is a file, has bytes, and is closed with the scope. */
const opened = (
  path: string,
  called = path,
): Effect.Effect<FileHandle, SourceUnreadable, Scope.Scope> =>
  Effect.acquireRelease(
    // A pipe without a writer would else be waited for.
    attempt(called, () => openFile(path, constants.O_RDONLY | constants.O_NONBLOCK)),
    (handle) => Effect.promise(() => handle.close().catch(() => undefined)),
  ).pipe(Effect.tap((handle) => attempt(called, () => checkFile(handle))))

async function checkFile(handle: FileHandle): Promise<void> {
  const stats = await handle.stat()
  if (stats.isDirectory()) throw new Unreadable("It is a folder, not a file.")
  if (!stats.isFile()) throw new Unreadable("It is no regular file.")
  if (stats.size === 0) throw new Unreadable("It is empty.")
}

async function checkedHash(handle: FileHandle): Promise<string> {
  const before = await handle.stat({ bigint: true })
  const digest = createHash("sha256")
  const buffer = Buffer.allocUnsafe(sourceChunkBytes)
  for (let position = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position)
    if (bytesRead === 0) break
    digest.update(buffer.subarray(0, bytesRead))
    position += bytesRead
  }
  await checkUnchanged(handle, before)
  return digest.digest("hex")
}

async function checkUnchanged(handle: FileHandle, before: BigIntStats): Promise<void> {
  const now = await handle.stat({ bigint: true })
  if (now.size === before.size && now.mtimeNs === before.mtimeNs) return
  throw new Unreadable("It changed while it was read.")
}

async function readHead(handle: FileHandle, gzip: boolean): Promise<Buffer> {
  const source = gzip ? inflatedBytes(handle, 0) : plainBytes(handle, 0)
  const parts: Uint8Array[] = []
  let length = 0
  try {
    while (length < sourceHeadBytes) {
      const bytes = await source.next()
      if (typeof bytes === "string") break
      parts.push(bytes)
      length += bytes.length
    }
  } finally {
    source.close()
  }
  if (length === 0) throw new Unreadable("It holds nothing.")
  return Buffer.concat(parts).subarray(0, sourceHeadBytes)
}

/** One reading of an open file: bytes through the cutter, cuts to events. */
class Reading {
  readonly #handle: FileHandle
  readonly #stats: BigIntStats
  readonly #bytes: ByteSource
  readonly #cutter: Cutter
  readonly #identify: (cut: Cut) => SourceEvent
  #ended = false

  constructor(
    handle: FileHandle,
    stats: BigIntStats,
    bytes: ByteSource,
    cutter: Cutter,
    recipe: Recipe,
  ) {
    this.#handle = handle
    this.#stats = stats
    this.#bytes = bytes
    this.#cutter = cutter
    this.#identify = identifierOf(recipe)
  }

  place = (): SourcePlace => this.#cutter.place()

  async next(): Promise<SourceChunk | undefined> {
    while (!this.#ended) {
      const bytes = await this.#bytes.next()
      await checkUnchanged(this.#handle, this.#stats)
      const cuts = typeof bytes === "string" ? this.#finish(bytes) : this.#cutter.push(bytes)
      if (cuts.length > 0) {
        return {
          events: cuts.map(this.#identify),
          next: this.#cutter.place(),
          fileBytesRead: this.#bytes.fileBytesRead(),
        }
      }
    }
    return undefined
  }

  #finish(end: BytesEnd): readonly Cut[] {
    this.#ended = true
    if (end === "beyond") return []
    const cuts = this.#cutter.finish(end)
    const why = this.#cutter.unreadable()
    if (why !== undefined) {
      throw new Unreadable(end === "whole" ? why : `${why} The file ends too soon.`)
    }
    return cuts
  }
}

const sentences: { readonly [code: string]: string } = {
  ENOENT: "There is no such file.",
  EISDIR: "It is a folder, not a file.",
  EACCES: "It may not be read by this user.",
  EPERM: "It may not be read by this user.",
  ENOTDIR: "There is no such file.",
  ELOOP: "Its links go in a circle.",
  EMFILE: "Too many files are open.",
}

/** What the file system or the decompressor says, as one sentence about this file. */
function attempt<A>(
  file: string,
  run: () => Promise<A>,
  offset: () => number = () => 0,
): Effect.Effect<A, SourceUnreadable> {
  return Effect.tryPromise({
    try: run,
    catch: (thrown) => {
      const why = thrown instanceof Unreadable ? thrown.message : sentenceOf(thrown)
      return new SourceUnreadable({
        file,
        offset: offset(),
        message: `Cannot read ${file}: ${why}`,
      })
    },
  })
}

function sentenceOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  const code = (thrown as NodeJS.ErrnoException).code
  if (code === undefined) throw thrown
  return sentences[code] ?? `${thrown.message}.`
}
