/**
 * What is asked of dead letters, from the words of a command line or the socket: as plain values it
 * travels, and whoever receives it reads the files that it names.
 */
import { isAbsolute } from "node:path"
import * as Effect from "effect/Effect"
import type { LetterSelection, NamedRecipe, RedriveRequest } from "../actors/index.ts"
import { sourceFormats } from "../protocols/configuration.ts"
import { type IntelGraphError, Invalid } from "../protocols/errors.ts"
import { deadLettersNamedMax } from "../protocols/limits.ts"
import type { Settings } from "./configuration.ts"
import { reasonsOf } from "./dead-letter.ts"
import { recordIn } from "./document-text.ts"
import type { Io } from "./io.ts"
import { absolute, mappingText, readMapping } from "./request.ts"
import { attemptInvalid, type Given, isOn, textFlag, textFlags } from "./verb.ts"

export interface PlainRecipe {
  /** None where it is meant for every letter that is selected. */
  readonly source?: string
  readonly format: (typeof sourceFormats)[number]
  /** Path of the document. */
  readonly mapping?: string
}

export interface PlainLetters {
  readonly tenant: string
  readonly selection: LetterSelection
  readonly dryRun: boolean
  readonly recipes: readonly PlainRecipe[]
  /** Path of the file whose bytes are sent. */
  readonly edit?: string
}

/** What the flags say. Letters are named, or all are meant in so many words. */
export const plainLetters = (
  given: Given,
  settings: Settings,
  io: Pick<Io, "folder">,
): Effect.Effect<PlainLetters, Invalid> =>
  attemptInvalid(() => {
    const selection = selectionOf(given)
    const edit = textFlag(given, "edit")
    return {
      tenant: settings.tenant.value,
      selection,
      dryRun: isOn(given, "dry-run"),
      recipes: recipesOf(given, settings, selection, io),
      ...(edit === undefined ? {} : { edit: absolute(io.folder, edit) }),
    }
  })

function selectionOf(given: Given): LetterSelection {
  const selection = {
    ids: textFlags(given, "id"),
    sources: textFlags(given, "source"),
    reasons: reasonsOf(textFlags(given, "reason")),
    fingerprints: textFlags(given, "fingerprint").map((one) => one.toLowerCase()),
  }
  const { length } = Object.values(selection).flat()
  const isAll = isOn(given, "all")
  if (length === 0 && !isAll) {
    throw refuse("Name letters by --id, --source, --reason or --fingerprint, or say --all.")
  }
  if (length > 0 && isAll) throw refuse("--all means every letter; leave the other names out.")
  if (length > deadLettersNamedMax) throw refuse(`At most ${deadLettersNamedMax} names are taken.`)
  const wrong = selection.fingerprints.find((one) => !/^[0-9a-f]{4,64}$/.test(one))
  if (wrong === undefined) return selection
  throw refuse(`--fingerprint is ${JSON.stringify(wrong.slice(0, 80))}; it has 4 to 64 of 0-9a-f.`)
}

/** As it is said for this command; else as the tenant's sources are configured. */
function recipesOf(
  given: Given,
  settings: Settings,
  { ids, sources }: LetterSelection,
  { folder }: Pick<Io, "folder">,
): readonly PlainRecipe[] {
  const [named, mapping] = [textFlag(given, "format"), textFlag(given, "mapping")]
  if (named === undefined && mapping === undefined) {
    const own = settings.tenants.find(({ tenant }) => tenant === settings.tenant.value)
    return (own?.sources ?? []).map(({ name, format, mapping: path }) => ({
      source: name,
      format,
      ...(path === undefined ? {} : { mapping: path }),
    }))
  }
  if (sources.length !== 1 && ids.length === 0) {
    throw refuse("--format and --mapping are for letters of one --source, or for each --id.")
  }
  const format = sourceFormats.find((one) => one === named)
  if (format === undefined) {
    throw refuse(`--format is one of ${sourceFormats.join(", ")}; --mapping needs it.`)
  }
  return [{ format, ...(mapping === undefined ? {} : { mapping: absolute(folder, mapping) }) }]
}

const refuse = (message: string) => new Invalid({ what: "dead letters", message })

/** Reads what the request names. */
export const redriveRequest = (
  plain: PlainLetters,
): Effect.Effect<RedriveRequest, IntelGraphError> =>
  Effect.gen(function* () {
    const { tenant, selection, dryRun, recipes, edit } = plain
    const recipeOf = (source: string) => {
      const recipe = recipes.find((one) => one.source === undefined || one.source === source)
      return recipe === undefined ? Effect.undefined : namedRecipe(recipe)
    }
    const bytes = edit === undefined ? undefined : yield* attemptInvalid(() => recordIn(edit))
    return { tenant, selection, dryRun, recipeOf, edit: bytes }
  })

const namedRecipe = ({ format, mapping }: PlainRecipe): Effect.Effect<NamedRecipe, Invalid> =>
  Effect.gen(function* () {
    if (mapping === undefined) return { format, mapping: undefined }
    const text = yield* mappingText(mapping)
    return { format, mapping: yield* readMapping({ file: mapping, text }) }
  })

/** Of what came over the socket, whatever it is. Throws `Invalid`. */
export function plainLettersIn(asked: { readonly [name: string]: unknown }): PlainLetters {
  const { tenant, selection, dryRun, recipes, edit } = asked as unknown as PlainLetters
  const lists = [selection?.ids, selection?.sources, selection?.reasons, selection?.fingerprints]
  const isGood =
    typeof tenant === "string" &&
    lists.every(isTexts) &&
    typeof dryRun === "boolean" &&
    Array.isArray(recipes) &&
    (edit === undefined || (typeof edit === "string" && isAbsolute(edit)))
  if (!isGood) throw new Invalid({ what: "request", message: "The letters' request is malformed." })
  return { tenant, selection, dryRun, recipes, ...(edit === undefined ? {} : { edit }) }
}

const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((one) => typeof one === "string")
