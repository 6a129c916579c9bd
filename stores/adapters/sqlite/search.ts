/** Entities by the text index: words of a search, and texts that a filter wants. */
import { filterPhraseCharactersMax, searchedMatchesMax } from "../../../protocols/limits.ts"
import type { PropertyFilter } from "../../graph/port.ts"
import { searchTooWide, wordsOf } from "../../graph/search-words.ts"
import { cutMark, typeToken } from "../../graph/text.ts"
import { firstNodeOf } from "../../graph/write/transaction.ts"
import type { After, EntityRow } from "./read-entities.ts"
import type { ReadStore } from "./read-store.ts"

/** The words of a search as terms, each to be found by its beginning. */
export const termsOf = (text: string): readonly string[] =>
  wordsOf(text).map((word) => `"${word}"*`)

/**
 * What an entity that fulfils the filter has in its text: the wanted text as a phrase, or the mark
 * of one that is indexed in part. None where the index says nothing of what is wanted.
 */
export function phraseOfFilter({ name, eq }: PropertyFilter): readonly string[] {
  if (typeof eq !== "string" || name === "raw" || eq.includes("\0")) return []
  const beginning = eq.slice(0, filterPhraseCharactersMax).toWellFormed()
  if (!/[A-Za-z0-9]/.test(beginning)) return []
  return [`("${beginning.replaceAll('"', '""')}"* OR "${cutMark}")`]
}

export const expressionOf = (terms: readonly string[], type: number | undefined): string =>
  [...terms, ...(type === undefined ? [] : [`"${typeToken(type)}"`])].join(" AND ")

/** Whether more entities match than a page may sort. */
export function isTooWide(store: ReadStore, tenant: number, expression: string): boolean {
  const matches = store.query<[count: number]>(
    `SELECT count(*) FROM (SELECT 1 FROM search
       WHERE search MATCH ? AND rowid >= ? AND rowid < ? /* one tenant */ LIMIT ?)`,
  )
  const count = matches.get(expression, ...nodesOf(tenant), searchedMatchesMax + 1)
  return (count?.[0] ?? 0) > searchedMatchesMax
}

export function refuseTooWide(store: ReadStore, tenant: number, expression: string): void {
  if (!isTooWide(store, tenant, expression)) return
  throw searchTooWide()
}

/** The matching entities after `after`, in order of type and key. */
export function* search(store: ReadStore, tenant: number, expression: string, after: After) {
  const matches = store.query<[id: number]>(
    `SELECT n.id FROM search s JOIN node n ON n.id = s.rowid JOIN type t ON t.id = n.type
     WHERE search MATCH ? AND s.rowid >= ? AND s.rowid < ? AND n.tenant = ?
       AND (t.name, n.key) > (?, ?)
     ORDER BY t.name, n.key`,
  )
  // A type has at least one character, so that nothing is at or before the pair of empty texts.
  const ids = matches.all(expression, ...nodesOf(tenant), tenant, ...(after ?? (["", ""] as const)))
  const nodes = store.query<EntityRow>(
    `SELECT t.name, n.key, n.asserted, n.properties, n.aliases, ${store.revision}
     FROM node n JOIN type t ON t.id = n.type WHERE n.id = ? AND n.tenant = ?`,
  )
  for (const [id] of ids) {
    const row = nodes.get(id, tenant)
    if (row !== undefined) yield row
  }
}

const nodesOf = (tenant: number) => [firstNodeOf(tenant), firstNodeOf(tenant + 1)] as const
