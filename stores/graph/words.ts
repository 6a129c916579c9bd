/**
 * Words as text indexes without rules of their own hold them: without case and marks, cut where
 * they are long. Words of what is indexed and of what is looked for are made alike.
 */
import { indexedWordCharactersMax } from "../../protocols/limits.ts"
import { cutMark } from "./text.ts"

export function foldedWords(text: string): readonly string[] {
  const plain = text
    .toLowerCase()
    .normalize("NFD")
    .replace(/\p{M}+/gu, "")
    .replaceAll("ς", "σ")
  const words = plain.match(anyWord) ?? []
  return words.map((word) => word.slice(0, indexedWordCharactersMax).toWellFormed())
}

// The mark of a text that is indexed in part is a word as well.
const anyWord = new RegExp(`[\\p{L}\\p{N}]+|${cutMark}`, "gu")
