/** Writes what a transaction counted, where it stands, what was set aside, and what changed. */
import type { Cell } from "../../graph/write/cells.ts"
import type { WorkingSet } from "../../graph/write/working-set.ts"
import type { Outgoing } from "./connection.ts"
import type { Value } from "./packed-rows.ts"

export function flushFences(cypher: Outgoing, set: WorkingSet, store: string): void {
  for (const [name, value] of set.newMeta) {
    cypher.send("MATCH (s:_Store {name: $store}) SET s[r[0]] = r[1]", [[name, value]], { store })
  }
  cypher.send(
    "MATCH (g:_Guard {store: $store, shard: r[0]}) SET g.epoch = r[1]",
    [...set.raised].map((shard) => [shard, set.guards.get(shard) ?? 0]),
    { store },
  )
  flushCounts(cypher, set)
  flushDeadLetters(cypher, set)
}

const counted = [
  "read",
  "accepted",
  "duplicates",
  "stale",
  "replayed",
  "refused",
  "deadLettered",
] as const

/** A row of a run has this many columns before what is counted. */
const runKeys = 4

/** One statement: there are no more of each than blocks, or types that they name. */
const count = `
  FOREACH (r IN $cursors.rows | MERGE (c:_Cursor {tenant: r[0], partition: r[1]})
    SET c.sequence = r[2], c.epoch = r[3])
  FOREACH (r IN $runs.rows |
    MERGE (n:_Run {tenant: r[0], source: r[1], epoch: r[2], count: r[3]}) SET ${counted
      .map((name, i) => `n.${name} = coalesce(n.${name}, 0) + r[${i + runKeys}]`)
      .join(", ")})
  FOREACH (r IN $tallies.rows | MERGE (n:_Tally {tenant: r[0], what: r[1], of: r[2]})
    SET n.count = coalesce(n.count, 0) + r[3])`

function flushCounts(cypher: Outgoing, set: WorkingSet): void {
  const cursors = [...set.moved].map(([name, [tenant, partition]]) => {
    const { sequence, epoch } = set.cursors.get(name) ?? { sequence: 0, epoch: 0 }
    return [tenant, partition, sequence, epoch]
  })
  const tallies = [...set.tallies.values()].filter((row) => row[3] !== 0)
  if (cursors.length + set.runs.length + tallies.length === 0) return
  cypher.post(count, {
    cursors: { rows: cursors },
    runs: { rows: set.runs },
    tallies: { rows: tallies },
  })
}

/** Numbered in the order in which they came, for each tenant. */
function flushDeadLetters(cypher: Outgoing, set: WorkingSet): void {
  const counts = new Map<number, number>()
  const rows = set.deadLetters.map((columns): Value => {
    const [tenant] = columns
    const place = (counts.get(tenant) ?? 0) + 1
    counts.set(tenant, place)
    return [place, ...columns]
  })
  cypher.send(
    `MATCH (t:_Tenant {id: r[1]})
     CREATE (:_DeadLetter {id: coalesce(t.deadLetters, 0) + r[0], tenant: r[1], source: r[2],
       epoch: r[3], count: r[4], ordinal: r[5], recordKey: r[6], file: r[7], offset: r[8],
       length: r[9], reason: r[10], detail: r[11], fingerprint: r[12], bytes: r[13]})`,
    rows,
  )
  cypher.send(
    "MATCH (t:_Tenant {id: r[0]}) SET t.deadLetters = coalesce(t.deadLetters, 0) + r[1]",
    [...counts],
  )
}

const changedOf = <C extends Cell>(cells: Iterable<C>): readonly C[] =>
  [...cells].filter(({ state }) => state !== "kept")

/** A tenant's feed stands in the node that its writers lock. */
export function flushFeed(
  cypher: Outgoing,
  set: WorkingSet,
  { sender, mark }: { readonly sender: string; readonly mark: string },
): void {
  const turned = new Set([...set.moved.values()].map(([tenant]) => tenant))
  const feeds = changedOf(set.feeds.values())
  const quiet = new Set(turned)
  for (const { tenant } of feeds) quiet.delete(tenant)
  cypher.send(
    `MATCH (t:_Tenant {id: r[0]})
     SET t.revision = r[1], t.node = r[2], t.changes = r[3], t.sequences = r[4],
       t.sender = $sender, t.turn = coalesce(t.turn, 0) + r[5], t.mark = $mark
     FOREACH (c IN r[6] | CREATE (:_Change {tenant: c[0], last: c[1], first: c[2],
       revision: c[3], at: c[4], sequences: c[5], entries: c[6]}))`,
    feeds.map(({ tenant, revision, node, changes, sequences }) => [
      tenant,
      revision,
      node,
      changes,
      sequences,
      turned.has(tenant) ? 1 : 0,
      set.newChanges.filter(([of]) => of === tenant),
    ]),
    { sender, mark },
  )
  turn(cypher, quiet, mark)
  cypher.send("MATCH (n:_Change {tenant: r[0], last: r[1]}) DELETE n", set.dropped)
  cypher.send("MATCH (n:_Gone) WHERE n.tenant = r[0] AND n.revision <= r[1] DELETE n", [
    ...set.droppedGone,
  ])
  cypher.send("CREATE (:_Gone {node: r[0], tenant: r[1], revision: r[2], key: r[3]})", set.newGone)
}

/** The tenants' rows are others now: reads that were under way begin anew. */
export function turn(cypher: Outgoing, tenants: Iterable<number>, mark: string): void {
  cypher.send(
    "MATCH (t:_Tenant {id: r}) SET t.turn = coalesce(t.turn, 0) + 1, t.mark = $mark",
    [...tenants],
    { mark },
  )
}
