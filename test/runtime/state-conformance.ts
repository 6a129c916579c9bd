/** What every adapter of `ActorState` must do. */
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import {
  stateGroupEntriesMax,
  statePathBytesMax,
  stateValueBytesMax,
} from "../../protocols/limits.ts"
import type { ActorStateShape, Ownership, StatePath } from "../../runtime/index.ts"
import type { LogWorld, MakeLogWorld } from "../support/log-world.ts"
import { run } from "../support/run.ts"

const shard = 5
const everything = { after: undefined, limit: stateGroupEntriesMax }
const bytes = (...of: number[]) => new Uint8Array(of)

export function stateConformance(name: string, make: MakeLogWorld): void {
  describe(`${name}: actor state`, () => {
    let world: LogWorld
    let state: ActorStateShape
    let owner: Ownership

    beforeEach(async () => {
      world = await run(make())
      state = world.state()
      owner = await claim()
    })
    afterEach(() => run(world.close))

    const claim = async (of = shard): Promise<Ownership> => {
      const [claimed] = await run(world.state().claim([of]))
      if (claimed === undefined) throw new Error("no epoch was given")
      return claimed
    }
    const write = (...entries: [StatePath, Uint8Array | undefined][]) =>
      run(
        state.write(
          owner,
          entries.map(([path, value]) => ({ path, value })),
        ),
      )
    const paths = async (prefix: StatePath, page = everything) =>
      (await run(state.list(shard, prefix, page))).map(({ path }) => path)
    const crash = async () => {
      await run(world.crash)
      state = world.state()
    }

    test("raises the epoch with each claim, per shard, also after a crash", async () => {
      const [next] = await run(state.claim([shard]))
      expect(next).toEqual({ shard, epoch: owner.epoch + 1 })
      const other = await run(state.claim([6, 7]))
      expect(other.map(({ shard: of }) => of)).toEqual([6, 7])
      await crash()
      expect((await claim()).epoch).toBe(owner.epoch + 2)
    })

    test("keeps what was written, and nothing of what was removed, through a crash", async () => {
      await write([["run", "a"], bytes(1, 2)], [["run", "b"], bytes(3)], [["empty"], bytes()])
      await write([["run", "b"], undefined], [["run", "a"], bytes(9)])
      await crash()
      expect(await run(state.read(shard, ["run", "a"]))).toEqual(bytes(9))
      expect(await run(state.read(shard, ["run", "b"]))).toBeUndefined()
      expect(await run(state.read(shard, ["empty"]))).toEqual(bytes())
      expect(await run(state.read(shard + 1, ["run", "a"]))).toBeUndefined()
    })

    test("writes nothing of a group under a lower or an unknown epoch", async () => {
      await write([["a"], bytes(1)])
      const former = owner
      owner = await claim()
      const entries = [{ path: ["a"], value: bytes(2) }]
      expect(await run(Effect.flip(state.write(former, entries)))).toMatchObject({
        _tag: "Fenced",
        epoch: former.epoch,
        current: owner.epoch,
      })
      const unclaimed = { shard: shard + 1, epoch: 3 }
      expect((await run(Effect.flip(state.write(unclaimed, entries))))._tag).toBe("Fenced")
      expect(await run(state.read(shard, ["a"]))).toEqual(bytes(1))
    })

    test("does not keep the bytes of the caller", async () => {
      const value = bytes(1)
      const written = write([["a"], value])
      value[0] = 2
      await written
      expect(await run(state.read(shard, ["a"]))).toEqual(bytes(1))
    })

    test("lists what begins with a path, by path, in pages", async () => {
      const all = [["a"], ["a", ""], ["a", "b"], ["a", "b", "c"], ["a\0"], ["ab"], ["b"]]
      await write(...all.toReversed().map((path): [StatePath, Uint8Array] => [path, bytes(1)]))
      expect(await paths([])).toEqual(all)
      expect(await paths(["a"])).toEqual(all.slice(0, 4))
      expect(await paths(["a", "b"])).toEqual(all.slice(2, 4))
      expect(await paths([], { after: undefined, limit: 2 })).toEqual(all.slice(0, 2))
      const page = { after: ["a", "b"], limit: 2 } as unknown as typeof everything
      expect(await paths([], page)).toEqual(all.slice(3, 5))
      expect(await paths(["c"])).toEqual([])
    })

    test("refuses a value, a path and a group that are too large, and keeps none of it", async () => {
      const refused = (entries: readonly { path: StatePath; value: Uint8Array }[]) =>
        run(Effect.flip(state.write(owner, entries)))
      const value = bytes(1)
      const group = Array.from({ length: stateGroupEntriesMax + 1 }, (_, i) => ({
        path: ["many", String(i)],
        value,
      }))
      expect(await refused(group)).toMatchObject({ limit: "stateGroupEntriesMax" })
      const large = { path: ["large"], value: new Uint8Array(stateValueBytesMax + 1) }
      expect(await refused([{ path: ["small"], value }, large])).toMatchObject({
        limit: "stateValueBytesMax",
      })
      const long = { path: ["x".repeat(statePathBytesMax)], value }
      expect(await refused([long])).toMatchObject({ limit: "statePathBytesMax" })
      expect(await paths([])).toEqual([])
      await write([["largest"], new Uint8Array(stateValueBytesMax)])
      expect(await paths([])).toEqual([["largest"]])
    })

    test("takes any names, and lists them in the order of their bytes", async () => {
      const names = fc.array(fc.string({ unit: "grapheme", maxLength: 4 }), {
        minLength: 1,
        maxLength: 3,
      })
      const property = fc.asyncProperty(fc.uniqueArray(names, { selector: String }), async (of) => {
        owner = await claim()
        const before = await paths([])
        if (before.length > 0) {
          await write(...before.map((path): [StatePath, undefined] => [path, undefined]))
        }
        const unique = [...new Map(of.map((path) => [JSON.stringify(path), path])).values()]
        if (unique.length === 0) return
        await write(...unique.map((path): [StatePath, Uint8Array] => [path, bytes(7)]))
        expect(await paths([])).toEqual(unique.toSorted(comparePaths))
        for (const path of unique) {
          expect(await run(state.read(shard, path))).toEqual(bytes(7))
          const below = unique.filter((other) => path.every((part, i) => other[i] === part))
          expect(await paths(path)).toEqual(below.toSorted(comparePaths))
        }
      })
      await fc.assert(property, { numRuns: 20 })
    })
  })
}

function comparePaths(a: StatePath, b: StatePath): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = Buffer.compare(Buffer.from(a[i] ?? ""), Buffer.from(b[i] ?? ""))
    if (order !== 0) return order
  }
  return a.length - b.length
}
