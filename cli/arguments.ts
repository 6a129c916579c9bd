/**
 * From the words of a command line to what is to be done. Pure; knows verbs only from their table.
 */
import { parseArgs } from "node:util"
import { verbs } from "./table.ts"
import type { Given, Verb } from "./verb.ts"

export type Command =
  | { readonly kind: "run"; readonly verb: Verb; readonly given: Given }
  | { readonly kind: "help"; readonly verb: Verb | undefined; readonly group: string | undefined }
  | { readonly kind: "version" }
  | { readonly kind: "usage"; readonly verb: Verb | undefined; readonly message: string }

export function readCommand(argv: readonly string[]): Command {
  const [first, second] = argv
  if (first === undefined || first === "help" || isHelp(first)) {
    const named = first === "help" ? verbNamed(argv.slice(1)) : undefined
    return { kind: "help", verb: named, group: undefined }
  }
  if (first === "--version" || first === "version") return { kind: "version" }
  const verb = verbNamed(argv)
  if (verb !== undefined) return readGiven(verb, argv.slice(verb.name.split(" ").length))
  const group = verbs.filter(({ name }) => name.startsWith(`${first} `))
  if (group.length === 0) return usage(undefined, `There is no command ${quoted(first)}.`)
  if (second === undefined || isHelp(second)) return { kind: "help", verb: undefined, group: first }
  const choices = group.map(({ name }) => name.split(" ")[1]).join(", ")
  return usage(
    undefined,
    `There is no command ${quoted(`${first} ${second}`)}; there is ${choices}.`,
  )
}

const isHelp = (word: string) => word === "--help" || word === "-h"

const verbNamed = (words: readonly string[]): Verb | undefined =>
  verbs.find(({ name }) => name === words.slice(0, name.split(" ").length).join(" "))

function readGiven(verb: Verb, words: readonly string[]): Command {
  const parsed = parse(verb, words)
  if (typeof parsed === "string") return usage(verb, parsed)
  if (parsed.flags.help === true) return { kind: "help", verb, group: undefined }
  const { length } = parsed.words
  if (length < verb.wordsMin) return usage(verb, `${verb.name} needs ${verb.words}.`)
  const [extra] = parsed.words.slice(verb.wordsMax)
  if (extra !== undefined) return usage(verb, `${quoted(extra)} is one word too many.`)
  return { kind: "run", verb, given: parsed }
}

/** Words and flags, or what is wrong with them. */
function parse(verb: Verb, words: readonly string[]): Given | string {
  const known = Object.entries(verb.flags).map(([name, { value, repeats }]) => [
    name,
    { type: value === undefined ? "boolean" : "string", multiple: repeats === true },
  ])
  const { tokens, values } = parseArgs({
    args: [...words],
    options: {
      ...Object.fromEntries(known),
      help: { type: "boolean", short: "h" },
    },
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  const seen = new Set<string>()
  for (const token of tokens) {
    if (token.kind !== "option" || token.name === "help") continue
    const flag = Object.hasOwn(verb.flags, token.name) ? verb.flags[token.name] : undefined
    if (flag === undefined) return `${verb.name} has no flag ${quoted(token.rawName)}.`
    if (seen.has(token.name) && flag.repeats === undefined)
      return `${token.rawName} is given twice.`
    seen.add(token.name)
    const isEmpty = token.value === undefined || token.value === ""
    if (flag.value !== undefined && isEmpty) return `${token.rawName} needs ${flag.value}.`
    if (flag.value === undefined && !isEmpty) return `${token.rawName} takes no value.`
    if (token.value?.startsWith("--")) {
      return `${token.rawName} needs ${flag.value}, and ${quoted(token.value)} looks like a flag.`
    }
  }
  const given = tokens.flatMap((token) => (token.kind === "positional" ? [token.value] : []))
  return { words: given, flags: { ...values } as Given["flags"] }
}

const quoted = (word: string) => JSON.stringify(word.slice(0, 80))

const usage = (verb: Verb | undefined, message: string): Command => ({
  kind: "usage",
  verb,
  message,
})
