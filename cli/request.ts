/**
 * What is asked of a connector, from the words of a command line, a configuration or the socket.
 */
import { basename, resolve } from "node:path"
import * as Effect from "effect/Effect"
import {
  formatOfName,
  type IngestRequest,
  parseMapping,
  type SourceFormat,
} from "../actors/index.ts"
import { sourceFormats } from "../protocols/configuration.ts"
import { Invalid } from "../protocols/errors.ts"
import { nameBytesMax } from "../protocols/limits.ts"
import { documentText } from "./document-text.ts"
import { attemptInvalid } from "./verb.ts"

/** A request as plain values: it can travel, and whoever receives it reads the mapping again. */
export interface PlainRequest {
  readonly tenant: string
  readonly source: string
  readonly format: SourceFormat
  /** Where the mapping came from, and its text. */
  readonly mapping: { readonly file: string; readonly text: string } | undefined
  readonly file: string
  readonly again: IngestRequest["again"]
  readonly maxBadShare: number
  readonly ratePerSecondMax: number | undefined
}

export const ingestRequest = (plain: PlainRequest): Effect.Effect<IngestRequest, Invalid> =>
  Effect.gen(function* () {
    const { mapping: document, ratePerSecondMax, ...rest } = plain
    const mapping = document === undefined ? undefined : yield* readMapping(document)
    return { ...rest, mapping, ...(ratePerSecondMax === undefined ? {} : { ratePerSecondMax }) }
  })

export const readMapping = ({ file, text }: { readonly file: string; readonly text: string }) =>
  parseMapping(text).pipe(
    Effect.mapError((error) => new Invalid({ ...error, message: `${file}: ${error.message}` })),
  )

export const mappingText = (path: string): Effect.Effect<string, Invalid> =>
  attemptInvalid(() => documentText({ path, what: "mapping", next: otherMapping }))

const otherMapping =
  "Name one that is there; `npx --no intelgraph mapping infer FILE` proposes one to begin with."

/** The format that was named, or the one that the file's name tells. */
export function formatOf(
  named: string | undefined,
  file: string,
): Effect.Effect<Exclude<SourceFormat, "retract">, Invalid> {
  const format = sourceFormats.find((one) => one === named)
  if (format !== undefined) return Effect.succeed(format)
  if (named !== undefined) {
    const choices = sourceFormats.join(", ")
    const message = `--format is ${JSON.stringify(named)}; it is one of ${choices}.`
    return Effect.fail(new Invalid({ what: "format", message }))
  }
  const told = formatOfName(file)
  if (told !== undefined) return Effect.succeed(told)
  const message = `The name of ${file} does not tell what it holds; say it with --format.`
  return Effect.fail(new Invalid({ what: "format", message }))
}

/** The source that was named, or the file's name without its endings. */
export function sourceNameOf(
  named: string | undefined,
  file: string,
): Effect.Effect<string, Invalid> {
  const name = named ?? basename(file).replace(/(\.\w+){1,2}$/, "")
  const bytes = Buffer.byteLength(name, "utf8")
  if (name !== "" && bytes <= nameBytesMax) return Effect.succeed(name)
  const message = `A source's name has 1 to ${nameBytesMax} bytes.`
  return Effect.fail(new Invalid({ what: "source", message }))
}

export const absolute = (folder: string, file: string): string => resolve(folder, file)
