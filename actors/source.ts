/**
 * Where records come from: the port that a connector reads through, and the recipe by which bytes
 * become records and records become assertions.
 */

import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Invalid, SourceUnreadable } from "../protocols/errors.ts"
import type { SourceEvent } from "../protocols/event.ts"
import type { Mapping } from "../protocols/mapping.ts"

/** `retract`: keys of records that are taken back, each a JSON text on a line of its own. */
export type SourceFormat = "stix" | "json" | "ndjson" | "csv" | "retract"

/**
 * All that decides what a record means. Its digest is in every block and every dedupe hash, so that
 * a mended mapping takes effect. For CSV `columns` are those of the header that was read.
 */
export interface Recipe {
  readonly format: SourceFormat
  readonly mapping: Mapping | undefined
  readonly columns: readonly string[] | undefined
}

export interface SourceSpec {
  readonly tenant: string
  readonly source: string
  readonly format: SourceFormat
  readonly mapping: Mapping | undefined
  /** What is read: its path, or where `write` is given, what it is called. */
  readonly file: string
  /** Bytes that were taken over the edge, and are written once. */
  readonly write?: {
    readonly path: string
    /** Stands for the content: of no other write, though its bytes may be the same. */
    readonly incarnation: string
  }
  /** Records that are there already, each by itself; nothing is read from a file. */
  readonly given?: GivenRecords
}

export interface GivenRecords {
  readonly records: readonly Uint8Array[]
  /** By which they are read, with the columns of a CSV header. */
  readonly recipe: Recipe
  /** Stands for the content, as that of a write does. */
  readonly incarnation: string
}

/** A place in the uncompressed source from which reading goes on: a record boundary. */
export interface SourcePlace {
  readonly offset: number
  readonly ordinal: number
}

export interface SourceChunk {
  /** Records in order; those that could not be cut have `op: "reject"`. */
  readonly events: readonly SourceEvent[]
  /** Where reading goes on after these. */
  readonly next: SourcePlace
  /** Bytes of the file read so far, compressed where it is. */
  readonly fileBytesRead: number
}

export interface OpenSource {
  /**
   * What "the same content" means for a run: SHA-256 of the file's bytes as they are on disk, hex;
   * of a write its incarnation.
   */
  readonly contentHash: string
  readonly fileBytes: number
  /** The spec's recipe, with the columns of a CSV header. */
  readonly recipe: Recipe
  /**
   * The next records from `from` on; called by one reader at a time. `undefined` at the end. Holds
   * at most one read buffer. `SourceUnreadable` where nothing further can be read (damaged gzip,
   * gone file, content that changed while it was read): what came before stands.
   */
  readonly next: Effect.Effect<SourceChunk | undefined, SourceUnreadable>
}

export interface SourceReaderShape {
  /**
   * Opens the file, hashes it, and prepares to read from the place that `placeOf` names once the
   * content is known. Refuses a missing file, a folder and an empty file with one sentence.
   */
  readonly open: (
    spec: SourceSpec,
    placeOf: (content: { readonly hash: string; readonly recipe: Recipe }) => SourcePlace,
  ) => Effect.Effect<OpenSource, SourceUnreadable | Invalid, Scope.Scope>
  /** Only the content's hash: whether this file was ingested before. */
  readonly contentHash: (file: string) => Effect.Effect<string, SourceUnreadable>
}

export class SourceReader extends Context.Service<SourceReader, SourceReaderShape>()(
  "intelgraph/actors/SourceReader",
) {}
