/**
 * Which node should own which shard: weighted rendezvous hashing with a bound on each node's load.
 *
 * Promises: the same members give the same shares everywhere, in whatever order they are named;
 * no node has more than its weight's part, raised by `shardShareSlack` and rounded up; a member
 * that comes takes little more than its part from the others, and one that goes leaves the rest
 * nearly as it was (figures: docs/decisions/0024). Does not promise that nodes know the same
 * members: the lease decides, and this is only who tries first.
 *
 * The score of a pair is `weight / -ln(u)` with `u` uniform from its hash (R. Schindelhauer and
 * G. Schomaker, "Weighted distributed hash tables", 2005). Pairs are settled from the highest
 * score down: a shard goes to the first member that still has room.
 */
import { fnv1a32 } from "../../protocols/address.ts"
import { shardCount, shardShareSlack } from "../../protocols/limits.ts"

export interface Member {
  readonly node: string
  readonly weight: number
}

/** The owner of each shard, by its number; empty where there is no member. */
export function shareOut(members: readonly Member[]): readonly string[] {
  if (members.length === 0) return []
  const weights = members.reduce((sum, { weight }) => sum + weight, 0)
  const room = new Map(members.map(({ node, weight }) => [node, roomOf(weight / weights)]))
  const owners: string[] = []
  let left = shardCount
  for (const { shard, node } of pairs(members)) {
    const free = room.get(node) ?? 0
    if (owners[shard] !== undefined || free === 0) continue
    owners[shard] = node
    room.set(node, free - 1)
    left--
    if (left === 0) break
  }
  return owners
}

/** Shards that a member may be given, where `part` of all weight is its own. */
export const roomOf = (part: number): number => Math.ceil(shardCount * part * (1 + shardShareSlack))

/** The members by who should own this shard, first choice first, whatever they own besides. */
export const candidates = (shard: number, members: readonly Member[]): readonly Member[] =>
  members
    .map((member) => ({ member, score: scoreOf(shard, member) }))
    .sort((a, b) => b.score - a.score || compare(a.member.node, b.member.node))
    .map(({ member }) => member)

interface Pair {
  readonly shard: number
  readonly node: string
  readonly score: number
}

function pairs(members: readonly Member[]): readonly Pair[] {
  const all: Pair[] = []
  for (const member of members) {
    for (let shard = 0; shard < shardCount; shard++) {
      all.push({ shard, node: member.node, score: scoreOf(shard, member) })
    }
  }
  return all.sort((a, b) => b.score - a.score || a.shard - b.shard || compare(a.node, b.node))
}

function scoreOf(shard: number, { node, weight }: Member): number {
  const uniform = (mix(fnv1a32(`${node}/${shard}`)) + 0.5) / 2 ** 32
  return weight / -Math.log(uniform)
}

/**
 * The finalizer of MurmurHash3 (A. Appleby, public domain): FNV alone leaves names that differ in
 * their last letter close together.
 */
function mix(hash: number): number {
  let state = hash
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35)
  return (state ^ (state >>> 16)) >>> 0
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
