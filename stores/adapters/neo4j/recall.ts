/**
 * What a transaction has left in memory, told as the server would tell it once that is committed:
 * the next one, which is decided meanwhile, often names again what this one has just named.
 *
 * Promises: what it answers is what the statement would return; of whatever the transaction has not
 * met whole it knows nothing, and says so (`NotKnown`). It answers for aliases, which is what
 * entities of different transactions share, and for those who claim them.
 */
import type { AliasColumns, NodeColumns } from "../../graph/write/fetched-rows.ts"
import type { AliasName } from "../../graph/write/fetching.ts"
import { type AliasCell, nameOfKey, type WorkingSet } from "../../graph/write/working-set.ts"
import { aliasByName, claimsOfAlias, nodeById, recordsAtAlias } from "./columns.ts"
import type { Parameters } from "./connection.ts"
import type { Asking } from "./fetch.ts"
import type { Value } from "./packed-rows.ts"
import type { Shelf } from "./said.ts"

/** The server would have to be asked. */
export class NotKnown extends Error {}

/** Rows of the transaction before. */
export interface Recalled {
  readonly set: WorkingSet
  readonly shelf: Pick<Shelf, "ofEnds">
}

type Row = readonly unknown[]

/** Rows that answer for one that is asked; `undefined` where nothing is known of it. */
type Answer = (of: Recalled, tenant: Value, asked: Value) => readonly Row[] | undefined

export const recalling = (of: Recalled | undefined): Asking["cypher"] => ({
  rows: () => Promise.reject(new NotKnown()),
  each: async <A extends Row>(text: string, asked: readonly Value[], given: Parameters = {}) => {
    const answer = answers.get(text)
    const { tenant } = given as { readonly tenant: Value }
    return asked.flatMap((one) => {
      const rows = of && answer?.(of, tenant, one)
      if (rows === undefined) throw new NotKnown()
      return rows as readonly A[]
    })
  },
})

function aliasOf({ set }: Recalled, tenant: Value, id: Value | undefined): AliasCell | undefined {
  const cell = set.aliases.get(id as number)
  return cell?.tenant === tenant ? cell : undefined
}

const answers: ReadonlyMap<string, Answer> = new Map<string, Answer>([
  [
    aliasByName,
    (of, tenant, asked) => {
      const name = nameOfKey(...(asked as AliasName))
      const cell = aliasOf(of, tenant, of.set.aliasesByName.get(name))
      if (cell === undefined) return undefined
      const { id, type, scheme, value, node, claims } = cell
      return [[id, type, scheme, value, node, claims] satisfies AliasColumns]
    },
  ],
  [
    claimsOfAlias,
    (of, tenant, asked) => {
      const cell = aliasOf(of, tenant, asked)
      if (cell === undefined || !of.set.claimed.has(cell.id)) return undefined
      return [...of.set.claimsOf.of(cell.id)].map((node) => [cell.id, node])
    },
  ],
  [
    recordsAtAlias,
    (of, tenant, asked) => {
      const cell = aliasOf(of, tenant, asked)
      if (cell === undefined || of.set.linksOfAlias.sizeOf(cell.id) > 0) return undefined
      return of.set.otherLinks.get(cell.id) === false ? [] : undefined
    },
  ],
  [
    nodeById,
    (of, tenant, asked) => {
      const cell = of.set.nodes.get(asked as number)
      if (cell?.tenant !== tenant || of.shelf.ofEnds.has(cell.id)) return undefined
      const { id, type, key, asserted, properties, aliases, revision } = cell
      return [[id, type, key, asserted, properties, aliases, revision] satisfies NodeColumns]
    },
  ],
])
