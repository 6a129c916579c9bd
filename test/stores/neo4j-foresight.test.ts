/** Transactions to Neo4j that are decided before their locks are taken. */
import { describe, expect, it } from "vitest"
import type { BlockEffects } from "../../protocols/graph.ts"
import { nodesPerTenantMax } from "../../protocols/limits.ts"
import { Foresight, isAsForeseen } from "../../stores/adapters/neo4j/foresight.ts"
import { KeptRows } from "../../stores/adapters/neo4j/kept.ts"
import { KnownNames } from "../../stores/adapters/neo4j/names.ts"
import { Shelf } from "../../stores/adapters/neo4j/said.ts"
import { decodeBlock, encodeBlock } from "../../stores/graph/write/wire.ts"
import { nameOfKey, WorkingSet } from "../../stores/graph/write/working-set.ts"
import { block, byKey, record, rejected, relates, tenant, thing } from "./records.ts"

const id = 3
const source = 5
/** The tenant's first entity. */
const first = id * nodesPerTenantMax + 1
const noNumbers = { record: 0, alias: 0, edge: 0, link: 0 }
const { shard, source: sourceName } = block(1, [])
const wired = (one: BlockEffects) => decodeBlock(encodeBlock(one))

interface Before {
  readonly isEmpty?: boolean
  readonly asserted?: number
  readonly properties?: string
  /** Its entity is known as an end only. */
  readonly isEnd?: boolean
  /** What the transaction has come to know of its alias. */
  readonly knows?: readonly ((set: WorkingSet) => void)[]
}

const claimsOfAlias = (set: WorkingSet): void => void set.claimed.add(4)
const noLinksAtAlias = (set: WorkingSet): void => void set.otherLinks.set(4, false)
const aLinkAtAlias = (set: WorkingSet): void => void set.linksOfAlias.add(4, 1)
const allOfAlias = (set: WorkingSet): void => {
  claimsOfAlias(set)
  noLinksAtAlias(set)
}

/** A writer whose tenant was empty, after a transaction that applied the first block to it. */
function afterFirst(before: Before = {}) {
  const { isEmpty = true, asserted = 1, properties = "{}", knows = [allOfAlias], isEnd } = before
  const [foresight, kept, names] = [new Foresight(), new KeptRows(), new KnownNames()]
  kept.locked(id, { turn: 0, mark: null, isEmpty })
  names.putSource(id, sourceName, source)
  names.putType(id, "thing", 8)
  names.putType(id, "uses", 9)
  const set = new WorkingSet(noNumbers)
  set.tenants.set(tenant, id)
  set.sourcesByName.set(nameOfKey(id, sourceName), source)
  set.sources.fetched(source, { id: source, name: sourceName, priority: 0, state: "kept" })
  set.guards.set(shard, 1)
  set.cursors.set(`${id}/0`, { sequence: 1, epoch: 1 })
  const end = { id: first, tenant: id, type: 8, key: "a", asserted, revision: 1 }
  set.putNode({ ...end, properties, aliases: "[]", state: "new" })
  const alias = { tenant: id, type: 8, scheme: "id", value: "shared" }
  set.putAlias({ id: 4, ...alias, node: first, claims: 1, state: "new" })
  set.putClaim({ alias: 4, node: first, tenant: id, state: "new" })
  for (const known of knows) known(set)
  const feed = { revision: 1, node: first, changes: 1, sequences: "[1]" }
  set.feeds.add(id, { tenant: id, ...feed, state: "new" })
  kept.learn({ set, mark: "first", turned: new Set([id]) })
  const shelf = new Shelf()
  if (isEnd) shelf.ofEnds.add(first)
  foresight.follow({ set, shelf })
  const given = { names, kept, store: "s", sender: "me", retention: {} }
  const decide = (one: BlockEffects) =>
    foresight.decide([wired(one)], { ...given, numbers: noNumbers, numbersEnd: 100 })
  return { foresight, kept, decide }
}

/** What the locks show of the tenant. */
function lockedAs(kept: KeptRows, mark: string, epoch = 1): WorkingSet {
  const set = new WorkingSet(noNumbers)
  set.tenants.set(tenant, id)
  set.guards.set(shard, epoch)
  kept.locked(id, { turn: 1, mark, isEmpty: false })
  return set
}

const sharedAlias = [{ scheme: "id", value: "shared" }]
const sharing = thing("b", {}, { aliases: sharedAlias })

const relating = block(2, [
  thing("b"),
  record("r", { relationships: [relates(byKey("b"), byKey("a"))] }),
])

describe("a transaction that is decided before its locks are taken", () => {
  it("is what the one before leads to, and counts where the locks show just that", async () => {
    const { kept, decide } = afterFirst()
    const foreseen = await decide(relating)
    expect(foreseen?.outcomes).toMatchObject([{ kind: "applied", counted: { accepted: 2 } }])
    expect(foreseen?.changed).toEqual([tenant])
    const [edge] = foreseen?.set.edges.values() ?? []
    expect(edge).toMatchObject({ from: first + 1, to: first, type: 9, links: 1 })
    const texts = foreseen?.outbox.statements.map(({ text }) => text).join("\n")
    expect(texts).toMatch(/CREATE \(:_Record .*-\[:_SAYS\]->/)
    expect(foreseen && isAsForeseen(foreseen, lockedAs(kept, "first"), kept)).toBe(true)
  })

  it("describes what was only a stub, which nobody has to be asked for", async () => {
    const { decide } = afterFirst({ asserted: 0 })
    const foreseen = await decide(block(2, [thing("a")]))
    expect(foreseen?.outcomes).toMatchObject([{ kind: "applied", counted: { accepted: 1 } }])
    expect(foreseen?.set.nodes.get(first)).toMatchObject({ asserted: 1, state: "changed" })
  })

  it("knows of an alias what the one before has left of it", async () => {
    const foreseen = await afterFirst().decide(block(2, [sharing]))
    expect(foreseen?.outcomes).toMatchObject([{ kind: "applied", counted: { accepted: 1 } }])
    const [alias] = foreseen?.set.aliases.values() ?? []
    expect(alias).toMatchObject({ id: 4, node: first, claims: 2, state: "changed" })
    expect([...(foreseen?.set.claimsOf.of(4) ?? [])]).toEqual([first, first + 1])
  })

  it("lets another stand for the alias of what the one before has revoked", async () => {
    const before = { properties: JSON.stringify({ revoked: true }) }
    const foreseen = await afterFirst(before).decide(block(2, [sharing]))
    const [alias] = foreseen?.set.aliases.values() ?? []
    expect(alias).toMatchObject({ id: 4, node: first + 1, claims: 2 })
  })

  it("knows of an alias what another that was foreseen has left of it", async () => {
    const { foresight, kept, decide } = afterFirst()
    const second = await decide(block(2, [sharing]))
    if (second === undefined) throw new Error("the second was not foreseen")
    kept.learn(second)
    foresight.follow(second)
    const third = await decide(block(3, [thing("c", {}, { aliases: sharedAlias })]))
    const [alias] = third?.set.aliases.values() ?? []
    expect(alias).toMatchObject({ id: 4, node: first, claims: 3, state: "changed" })
  })

  it.each([
    ["who else claims it is not known", { knows: [noLinksAtAlias] }],
    ["which relationships go by it is not known", { knows: [claimsOfAlias] }],
    ["relationships go by it", { knows: [allOfAlias, aLinkAtAlias] }],
    ["nothing but the number of who claims it is known", { isEnd: true }],
  ])("leaves an alias to its locks where %s", async (_, before) => {
    expect(await afterFirst(before).decide(block(2, [sharing]))).toBeUndefined()
  })

  it("knows nothing of the one before any more once its rows are let go of", async () => {
    const { foresight, decide } = afterFirst()
    foresight.rest()
    expect(await decide(block(2, [sharing]))).toBeUndefined()
    expect(await decide(relating)).toBeDefined()
  })

  it.each([
    ["another has written for the tenant", "another's", 1],
    ["another has the shard", "first", 2],
  ])("comes to nothing where %s", async (_, mark, epoch) => {
    const { kept, decide } = afterFirst()
    const foreseen = await decide(relating)
    expect(foreseen && isAsForeseen(foreseen, lockedAs(kept, mark, epoch), kept)).toBe(false)
  })

  it("takes a shard that it has not met for its sender's, until the locks show it", async () => {
    const { kept, decide } = afterFirst()
    const foreseen = await decide({ ...relating, shard: shard + 1 })
    const counts = [0, 1, 2].filter((epoch) => {
      const locked = lockedAs(kept, "first")
      locked.guards.set(shard + 1, epoch)
      return foreseen && isAsForeseen(foreseen, locked, kept)
    })
    expect(counts).toEqual([1])
  })

  it.each([
    ["a tenant that had something before", { isEmpty: false }, relating],
    ["another tenant", {}, { ...relating, tenant: "other" }],
    ["another source", {}, { ...relating, source: "other" }],
    ["a type that was never met", {}, block(2, [record("x", { relationships: odd() })])],
    ["an entity that is there already", {}, block(2, [thing("a", { n: 2 })])],
    ["what is set aside", {}, block(2, [rejected("x")])],
  ])("is left to its locks, of %s", async (_, before, one) => {
    expect(await afterFirst(before).decide(one)).toBeUndefined()
  })
})

function odd() {
  return [relates(byKey("a"), byKey("b"), { type: "odd" })]
}
