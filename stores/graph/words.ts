/**
 * Words as text indexes without rules of their own hold them: without case and marks, cut where
 * they are long. Words of what is indexed and of what is looked for are made alike.
 */
import { indexedWordCharactersMax } from "../../protocols/limits.ts"
import { cutMark } from "./text.ts"

export function foldedWords(text: string): readonly string[] {
  const lower = text.toLowerCase()
  const words = plainText.test(lower) ? lower.match(plainWord) : withoutMarks(lower).match(anyWord)
  if (words === null) return []
  return words.some(isLong) ? words.map(cut) : words
}

/**
 * The text with what is beyond ASCII as it counts for words: a letter without its mark, a space
 * where there is no letter. Most texts are of ASCII then, and have the same words as before.
 */
export const plainerText = (text: string): string =>
  text.replace(beyondAscii, (run) => withoutMarks(run.toLowerCase()).replace(noWord, " "))

const isLong = (word: string): boolean => word.length >= indexedWordCharactersMax

const cut = (word: string): string =>
  isLong(word) ? word.slice(0, indexedWordCharactersMax).toWellFormed() : word

const withoutMarks = (lower: string): string =>
  lower
    .normalize("NFD")
    .replace(/\p{M}+/gu, "")
    .replaceAll("ς", "σ")

// Nearly all text is of these characters, and they need neither normal forms nor tables.
const plainText = /^[\0-\x7f]*$/
const plainWord = /[a-z0-9]+/g

const beyondAscii = /[^\0-\x7f]+/g

// The mark of a text that is indexed in part is a word as well.
const anyWord = new RegExp(`[\\p{L}\\p{N}]+|${cutMark}`, "gu")
const noWord = new RegExp(`[^\\p{L}\\p{N}${cutMark}]+`, "gu")
