/**
 * Names of parked blocks in the actor state: blocks that may not hold up a shard, kept aside with
 * their sequence until the last sink's cursor covers them (contracts §6).
 */
import type { Partition } from "../../protocols/address.ts"
import type { StatePath } from "./state.ts"

const parkedName = "parked"
/** All parked blocks of a shard. */
export const parkedShardPrefix: StatePath = [parkedName]
/** Digits of a sequence in a path, so that paths sort as numbers do. */
const sequenceDigits = 16

export const parkedPrefix = ({ tenant, partition }: Partition): StatePath => [
  parkedName,
  tenant,
  String(partition),
]

export const parkedPath = (partition: Partition, sequence: number): StatePath => [
  ...parkedPrefix(partition),
  String(sequence).padStart(sequenceDigits, "0"),
]

export const isParkedPath = (path: StatePath): boolean => path[0] === parkedName

/** The sequence in a path that `parkedPath` made. */
export const sequenceOfParkedPath = (path: StatePath): number => Number(path.at(-1))

/** The partition in a path that `parkedPath` made. */
export const partitionOfParkedPath = (path: StatePath): Partition => ({
  tenant: path[1] ?? "",
  partition: Number(path[2]),
})
