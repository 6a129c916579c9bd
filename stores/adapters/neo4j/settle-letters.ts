/** Dead letters that go, or that something else is wrong with, within the writer's transaction. */
import { settledTally } from "../../graph/settled.ts"
import type { WireLetterChange } from "../../graph/write/wire.ts"
import { turn } from "./flush-fences.ts"
import type { Loading } from "./load.ts"

/** Answers how many of them were there. Writers of the tenant wait meanwhile. */
export async function settleLetters(
  { cypher, store, mark }: Pick<Loading, "cypher" | "store" | "mark">,
  tenantName: string,
  changes: readonly WireLetterChange[],
): Promise<number> {
  const [tenant] =
    (await cypher.row<[id: number]>(
      "MATCH (t:_Tenant {store: $store, name: $name}) SET t._lock = true WITH t RETURN t.id",
      { store, name: tenantName },
    )) ?? []
  if (tenant === undefined) return 0
  const mended = await cypher.each<[number]>(
    `${found} SET d.reason = r[4], d.detail = r[5], d.fingerprint = r[6] RETURN d.id`,
    changes.flatMap(([source, epoch, count, ordinal, fault]) =>
      fault === null ? [] : [[source, epoch, count, ordinal, ...fault]],
    ),
    { tenant },
  )
  const gone = await cypher.each<[bytes: Uint8Array]>(
    `${found} WITH d, d.bytes AS bytes DELETE d RETURN bytes`,
    changes.flatMap(([source, epoch, count, ordinal, fault]) =>
      fault === null ? [[source, epoch, count, ordinal]] : [],
    ),
    { tenant },
  )
  const goneBytes = gone.reduce((sum, [bytes]) => sum + bytes.length, 0)
  const settled = mended.length + gone.length
  await cypher.each(
    `MERGE (n:_Tally {tenant: $tenant, what: r[0], of: 0})
     SET n.count = coalesce(n.count, 0) + r[1]`,
    [
      ["deadLetter", -gone.length],
      ["deadLetterBytes", -goneBytes],
      [settledTally, settled],
    ],
    { tenant },
  )
  turn(cypher, [tenant], mark)
  await cypher.answered()
  return settled
}

const found = `MATCH (s:_Source {tenant: $tenant, name: r[0]})
  MATCH (d:_DeadLetter {source: s.id, epoch: r[1], count: r[2], ordinal: r[3]})`
