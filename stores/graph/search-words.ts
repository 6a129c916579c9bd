/** The words of a search, and when it is to be narrowed. */
import { LimitExceeded } from "../../protocols/errors.ts"
import { searchedMatchesMax, searchTextBytesMax, searchWordsMax } from "../../protocols/limits.ts"

/** The words of a search, each to be found by its beginning. */
export function wordsOf(text: string): readonly string[] {
  const bytes = Buffer.byteLength(text, "utf8")
  if (bytes > searchTextBytesMax) {
    const message = `A search has at most ${searchTextBytesMax} bytes.`
    const limit = "searchTextBytesMax"
    throw new LimitExceeded({ limit, bound: searchTextBytesMax, value: bytes, message })
  }
  // As SQLite's index does (unicode61): letters and numbers make words. What it sees otherwise is
  // a phrase.
  const words = text.normalize("NFC").split(/[^\p{L}\p{N}]+/u)
  const found = words.filter((word) => word !== "")
  if (found.length <= searchWordsMax) return found
  const message = `A search has at most ${searchWordsMax} words.`
  const limit = "searchWordsMax"
  throw new LimitExceeded({ limit, bound: searchWordsMax, value: found.length, message })
}

export const searchTooWide = () =>
  new LimitExceeded({
    limit: "searchedMatchesMax",
    bound: searchedMatchesMax,
    value: searchedMatchesMax + 1,
    message: `More than ${searchedMatchesMax} entities match; add a word or a type.`,
  })
