/** `mapping infer`: looks at a file's first records and proposes a mapping for it. */
import { basename } from "node:path"
import * as Effect from "effect/Effect"
import type { Json } from "../../protocols/canonical.ts"
import { Invalid, type SourceUnreadable } from "../../protocols/errors.ts"
import { inferRecordsMax } from "../../protocols/limits.ts"
import type { Mapping } from "../../protocols/mapping.ts"
import { findRecords } from "../mapping/find-records.ts"
import { inferMapping } from "../mapping/infer.ts"
import { Rejection } from "../mapping/values.ts"
import { readRecord } from "../pipeline/read-record.ts"
import type { OpenSource, SourceFormat, SourceSpec } from "../source.ts"
import { fileHead, fileSource } from "./file-source.ts"

export type InferableFormat = "json" | "ndjson" | "csv"

/**
 * A mapping document for the file, as text. Without `format` the name's ending tells it. `Invalid`
 * where the file holds nothing that a mapping could read.
 */
export const inferFileMapping = Effect.fn("fileSource.infer")(function* (
  file: string,
  format: InferableFormat | undefined,
): Effect.fn.Return<string, SourceUnreadable | Invalid> {
  const told = format ?? formatOfName(file)
  if (told === undefined) return yield* refuse(`Name the format of ${file} with --format.`)
  const head = yield* fileHead(file)
  const records = told === "json" ? findRecords(head.toString("utf8")) : undefined
  const delimiter = told === "csv" ? delimiterOf(head.toString("utf8")) : undefined
  const mapping = readingMapping(records, delimiter)
  const spec: SourceSpec = { tenant: "none", source: "none", format: told, mapping, file }
  const sample = yield* Effect.scoped(readSample(spec))
  const text = inferMapping({ file: basename(file), format: told, records, delimiter, sample })
  return text ?? (yield* refuse(`No field of ${file} is in every record: a mapping needs a key.`))
})

const refuse = (message: string) => Effect.fail(new Invalid({ what: "file", message }))

/** By the ending of the file's name, before `.gz`. */
export function formatOfName(file: string): InferableFormat | undefined {
  const ending = /\.(json|ndjson|jsonl|csv|tsv)(\.gz)?$/i.exec(file)?.[1]?.toLowerCase()
  if (ending === "jsonl") return "ndjson"
  if (ending === "tsv") return "csv"
  return ending as Extract<SourceFormat, InferableFormat> | undefined
}

/** The delimiter that the first line has most of; `undefined` for the comma. */
function delimiterOf(head: string): string | undefined {
  const [line = ""] = head.split("\n", 1)
  const count = (delimiter: string) => line.split(delimiter).length
  const best = [";", "\t", "|"].find((delimiter) => count(delimiter) > count(","))
  return best
}

/** Enough of a mapping to cut and read the records by. */
const readingMapping = (
  records: readonly string[] | undefined,
  delimiter: string | undefined,
): Mapping => ({
  version: 1,
  ...(records === undefined
    ? {}
    : { records: `$${records.map((name) => `[${JSON.stringify(name)}]`).join("")}[*]` }),
  ...(delimiter === undefined ? {} : { csv: { delimiter } }),
  entities: [{ type: "record", key: "unread" }],
})

const readSample = Effect.fnUntraced(function* (spec: SourceSpec) {
  const source: OpenSource = yield* fileSource.open(spec, () => ({ offset: 0, ordinal: 0 }))
  const sample: Json[] = []
  while (sample.length < inferRecordsMax) {
    const chunk = yield* source.next
    if (chunk === undefined) break
    for (const event of chunk.events) {
      if (event.fault === undefined) sample.push(...recordOf(event.bytes, source))
    }
  }
  return sample.slice(0, inferRecordsMax)
})

function recordOf(bytes: Uint8Array, { recipe }: OpenSource): readonly Json[] {
  try {
    return [readRecord(bytes, recipe, (record) => record)]
  } catch (thrown) {
    if (thrown instanceof Rejection) return []
    throw thrown
  }
}
