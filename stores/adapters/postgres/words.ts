/**
 * Words as the text index holds them: without case and marks, cut where they are long, each behind
 * its tenant's number. Words of what is indexed and of what is looked for are made alike.
 */
import { filterPhraseCharactersMax, postgresWordLengthMax } from "../../../protocols/limits.ts"
import type { PropertyFilter } from "../../graph/port.ts"
import { cutMark } from "../../graph/text.ts"

/** The words of an entity's text, separated by spaces. */
export function indexedWords(tenant: number, text: string): string {
  const own = new Set<string>()
  for (const word of folded(text)) own.add(`${tenant}.${word}`)
  return [...own].join(" ")
}

/** What finds the entities that have words with these beginnings, as a `tsquery`. */
export const queryOfWords = (tenant: number, words: readonly string[]): string =>
  words.flatMap((word) => folded(word).map((one) => prefixOf(tenant, one))).join(" & ")

/**
 * What finds the entities that may fulfil the filter, and those that are indexed in part;
 * `undefined` where the index says nothing of what is wanted.
 */
export function queryOfFilter(tenant: number, { name, eq }: PropertyFilter): string | undefined {
  if (typeof eq !== "string" || name === "raw") return undefined
  const words = folded(eq.slice(0, filterPhraseCharactersMax).toWellFormed())
  if (words.length === 0) return undefined
  const all = words.map((word) => prefixOf(tenant, word)).join(" & ")
  return `(${all} | '${tenant}.${cutMark}')`
}

const prefixOf = (tenant: number, word: string): string => `'${tenant}.${word}':*`

function folded(text: string): readonly string[] {
  const plain = text
    .toLowerCase()
    .normalize("NFD")
    .replace(/\p{M}+/gu, "")
    .replaceAll("ς", "σ")
  const words = plain.match(anyWord) ?? []
  return words.map((word) => word.slice(0, postgresWordLengthMax).toWellFormed())
}

// The mark of a text that is indexed in part is a word as well.
const anyWord = new RegExp(`[\\p{L}\\p{N}]+|${cutMark}`, "gu")
