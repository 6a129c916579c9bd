/** What finds entities by the text index: words as they are put into it, in Lucene's syntax. */
import { filterPhraseCharactersMax } from "../../../protocols/limits.ts"
import type { PropertyFilter } from "../../graph/port.ts"
import { cutMark } from "../../graph/text.ts"
import { foldedWords, plainerText } from "../../graph/words.ts"
import { joinedPlainWords } from "./plain-words.ts"

/** The words of an entity's text behind their tenant's number, and one that stands for its type. */
export function indexedWords(tenant: number, type: number, text: string): string {
  const searched = plainerText(withoutType(text))
  const between = ` ${tenant}.`
  const words = joinedPlainWords(searched, between) ?? joinedWords(searched, between)
  return `${typeWord(tenant, type)}${words}`
}

const joinedWords = (text: string, between: string): string =>
  [...new Set(foldedWords(text))].map((word) => `${between}${word}`).join("")

/** What finds the entities that have words with these beginnings: all terms together. */
export const queryOfWords = (tenant: number, words: readonly string[]): readonly string[] =>
  words.flatMap((word) => foldedWords(word).map((one) => prefixOf(tenant, one)))

export const queryOfType = (tenant: number, type: number): string => `+${typeWord(tenant, type)}`

/**
 * What finds the entities that may fulfil the filter, and those that are indexed in part;
 * `undefined` where the index says nothing of what is wanted.
 */
export function queryOfFilter(tenant: number, { name, eq }: PropertyFilter): string | undefined {
  if (typeof eq !== "string" || name === "raw") return undefined
  const words = foldedWords(eq.slice(0, filterPhraseCharactersMax).toWellFormed())
  if (words.length === 0) return undefined
  const all = words.map((word) => prefixOf(tenant, word)).join(" ")
  return `+((${all}) ${tenant}.${cutMark})`
}

// Words have letters and digits only, none of which means anything in a query.
const prefixOf = (tenant: number, word: string): string => `+${tenant}.${word}*`

const typeWord = (tenant: number, type: number): string => `${tenant}#${type}`

/** The text without the token that stands for the type at its end. */
const withoutType = (text: string): string => text.slice(0, text.lastIndexOf("\uE000"))
