/** Types of blocks that come next, which get their numbers before a transaction is committed. */
import { expect, it } from "vitest"
import type { BlockEffects } from "../../protocols/graph.ts"
import type { Cypher } from "../../stores/adapters/neo4j/connection.ts"
import { KeptRows } from "../../stores/adapters/neo4j/kept.ts"
import { nameAhead } from "../../stores/adapters/neo4j/load.ts"
import { KnownNames } from "../../stores/adapters/neo4j/names.ts"
import { Shelf } from "../../stores/adapters/neo4j/said.ts"
import { decodeBlock, encodeBlock } from "../../stores/graph/write/wire.ts"
import { WorkingSet } from "../../stores/graph/write/working-set.ts"
import { block, tenant, thing } from "./records.ts"

const id = 3
const { shard } = block(1, [])

/** What is asked for, of a tenant whose partition 0 is at its second block, under epoch 2. */
async function asked(one: BlockEffects, known: readonly string[] = []): Promise<readonly string[]> {
  const names = new KnownNames()
  for (const [at, name] of known.entries()) names.putType(id, name, at)
  const set = new WorkingSet({ record: 0, alias: 0, edge: 0, link: 0 })
  set.tenants.set(tenant, id)
  set.guards.set(shard, 2)
  set.cursors.set(`${id}/0`, { sequence: 2, epoch: 2 })
  const wanted: string[] = []
  // A server that knows all types.
  const each = (_: string, rows: readonly unknown[]) => {
    wanted.push(...rows.map(String))
    return Promise.resolve(rows.map((name, at) => [name, 100 + at]))
  }
  const cypher = { each } as unknown as Cypher
  const about = { store: "s", shelf: new Shelf(), kept: new KeptRows(), mark: "m" }
  const beside = () => Promise.reject(new Error("nothing is asked beside"))
  await nameAhead({ ...about, cypher, set, names, turned: new Set(), beside }, [
    decodeBlock(encodeBlock(one)),
  ])
  for (const name of wanted) expect(names.type(id, name)).toBeDefined()
  return wanted
}

it("are those that the writer does not know", async () => {
  expect(await asked(block(3, [thing("a")], { epoch: 2 }))).toEqual(["thing"])
  expect(await asked(block(3, [thing("a")], { epoch: 2 }), ["thing"])).toEqual([])
  expect(await asked(block(1, [thing("a")], { epoch: 2, shard: 9, partition: 9 }))).toEqual([
    "thing",
  ])
})

it("are none of a block that will be refused, is applied, or is another tenant's", async () => {
  expect(await asked(block(3, [thing("a")], { epoch: 1 }))).toEqual([])
  expect(await asked(block(2, [thing("a")], { epoch: 2 }))).toEqual([])
  expect(await asked(block(3, [thing("a")], { epoch: 2, tenant: "other" }))).toEqual([])
})
