/** What was begun for an owner before its shard is opened, and failed or not. */
import { expect, test } from "vitest"
import { Fenced } from "../../protocols/errors.ts"
import { NoAnswer } from "../../runtime/adapters/jetstream/broker.ts"
import { EarlyConsumers } from "../../runtime/adapters/jetstream/early-consumers.ts"

const owner = { shard: 3, epoch: 7 }
const info = {
  num_pending: 0,
  num_ack_pending: 0,
  delivered: { consumer_seq: 0, stream_seq: 0 },
}
const unanswered = new NoAnswer("create", new Error("no answer in time"))
const fenced = new Fenced({ ...owner, current: 8, message: "taken" })

/** Consumers of which each is made, or fails, as the list says; how many were tried. */
function early(...outcomes: readonly (Error | typeof info)[]) {
  const left = [...outcomes]
  const tried: number[] = []
  const take = async ({ epoch }: typeof owner) => {
    tried.push(epoch)
    const outcome = left.shift()
    if (outcome === undefined || outcome instanceof Error) throw outcome
    return outcome
  }
  const consumers = { present: async () => [], take }
  return { early: new EarlyConsumers(consumers, { hasCarried: async () => true }), tried }
}

test("gives what was begun for an owner, and makes nothing more", async () => {
  const at = early(info)
  at.early.announce(owner)
  expect(await at.early.of(owner)).toBe(info)
  expect(at.tried).toEqual([7])
})

test("tries once more what failed once begun", async () => {
  const at = early(unanswered, info)
  at.early.announce(owner)
  expect(await at.early.of(owner)).toBe(info)
  expect(at.tried).toEqual([7, 7])
})

test("tells of the second failure", async () => {
  const second = new NoAnswer("create", new Error("the connection is lost"))
  const at = early(unanswered, second)
  at.early.announce(owner)
  await expect(at.early.of(owner)).rejects.toBe(second)
  expect(at.tried).toEqual([7, 7])
})

test("tries nothing more for an owner who was passed", async () => {
  const at = early(fenced, info)
  at.early.announce(owner)
  await expect(at.early.of(owner)).rejects.toBe(fenced)
  expect(at.tried).toEqual([7])
})

test("makes an owner's own where another epoch was announced", async () => {
  const at = early(info, info)
  at.early.announce({ ...owner, epoch: 6 })
  expect(await at.early.of(owner)).toBe(info)
  expect(at.tried).toEqual([6, 7])
})

test("gives what was begun for one of two shards to its own owner", async () => {
  const [first, second] = [{ ...info }, { ...info, num_pending: 1 }]
  const at = early(first, second)
  const other = { shard: 4, epoch: 2 }
  at.early.announce(owner)
  at.early.announce(other)
  expect(await at.early.of(other)).toBe(second)
  expect(await at.early.of(owner)).toBe(first)
  expect(at.tried).toEqual([7, 2])
})

test("gives an owner who was announced again under a higher epoch that one's own", async () => {
  const second = { ...info, num_pending: 1 }
  const at = early(info, second)
  at.early.announce(owner)
  at.early.announce({ ...owner, epoch: 8 })
  expect(await at.early.of({ ...owner, epoch: 8 })).toBe(second)
  expect(at.tried).toEqual([7, 8])
})
