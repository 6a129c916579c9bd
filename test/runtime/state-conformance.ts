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
type StatePage = Parameters<ActorStateShape["list"]>[2]
const everything: StatePage = { after: undefined, limit: stateGroupEntriesMax }
const bytes = (...of: number[]) => new Uint8Array(of)

/** A world of its own per test, and the owner of its shard. */
class Subject {
  world: LogWorld
  owner: Ownership = { shard, epoch: 0 }

  constructor(world: LogWorld) {
    this.world = world
  }

  get state(): ActorStateShape {
    return this.world.state()
  }

  async claim(): Promise<Ownership> {
    const [claimed] = await run(this.state.claim([shard]))
    if (claimed === undefined) throw new Error("no epoch was given")
    return claimed
  }

  write(...entries: [StatePath, Uint8Array | undefined][]): Promise<void> {
    const group = entries.map(([path, value]) => ({ path, value }))
    return run(this.state.write(this.owner, group))
  }

  async paths(prefix: StatePath, page: StatePage = everything): Promise<readonly StatePath[]> {
    return (await run(this.state.list(shard, prefix, page))).map(({ path }) => path)
  }

  crash = () => run(this.world.crash)
}

export function stateConformance(name: string, make: MakeLogWorld): void {
  describe(`${name}: actor state`, () => {
    let subject: Subject | undefined
    beforeEach(async () => {
      subject = new Subject(await run(make()))
      subject.owner = await subject.claim()
    })
    afterEach(async () => {
      if (subject !== undefined) await run(subject.world.close)
    })
    const now = () => {
      if (subject === undefined) throw new Error("a test has its own state")
      return subject
    }
    groups(now)
    names(now)
  })
}

function groups(now: () => Subject): void {
  test("raises the epoch with each claim, per shard, also after a crash", async () => {
    const at = now()
    const [next] = await run(at.state.claim([shard]))
    expect(next).toEqual({ shard, epoch: at.owner.epoch + 1 })
    const other = await run(at.state.claim([6, 7]))
    expect(other.map(({ shard: of }) => of)).toEqual([6, 7])
    await at.crash()
    expect((await at.claim()).epoch).toBe(at.owner.epoch + 2)
  })

  test("keeps what was written, and nothing of what was removed, through a crash", async () => {
    const at = now()
    await at.write([["run", "a"], bytes(1, 2)], [["run", "b"], bytes(3)], [["empty"], bytes()])
    await at.write([["run", "b"], undefined], [["run", "a"], bytes(9)])
    await at.crash()
    expect(await run(at.state.read(shard, ["run", "a"]))).toEqual(bytes(9))
    expect(await run(at.state.read(shard, ["run", "b"]))).toBeUndefined()
    expect(await run(at.state.read(shard, ["empty"]))).toEqual(bytes())
    expect(await run(at.state.read(shard + 1, ["run", "a"]))).toBeUndefined()
  })

  test("writes nothing of a group under a lower or an unknown epoch", async () => {
    const at = now()
    await at.write([["a"], bytes(1)])
    const former = at.owner
    at.owner = await at.claim()
    const entries = [{ path: ["a"], value: bytes(2) }]
    expect(await run(Effect.flip(at.state.write(former, entries)))).toMatchObject({
      _tag: "Fenced",
      epoch: former.epoch,
      current: at.owner.epoch,
    })
    const unclaimed = { shard: shard + 1, epoch: 3 }
    expect((await run(Effect.flip(at.state.write(unclaimed, entries))))._tag).toBe("Fenced")
    expect(await run(at.state.read(shard, ["a"]))).toEqual(bytes(1))
  })

  test("does not keep the bytes of the caller", async () => {
    const at = now()
    const value = bytes(1)
    const written = at.write([["a"], value])
    value[0] = 2
    await written
    expect(await run(at.state.read(shard, ["a"]))).toEqual(bytes(1))
  })
}

function names(now: () => Subject): void {
  test("lists what begins with a path, by path, in pages", async () => {
    const at = now()
    const all = [["a"], ["a", ""], ["a", "b"], ["a", "b", "c"], ["a\0"], ["ab"], ["b"]]
    await at.write(...all.toReversed().map((path): [StatePath, Uint8Array] => [path, bytes(1)]))
    expect(await at.paths([])).toEqual(all)
    expect(await at.paths(["a"])).toEqual(all.slice(0, 4))
    expect(await at.paths(["a", "b"])).toEqual(all.slice(2, 4))
    expect(await at.paths([], { after: undefined, limit: 2 })).toEqual(all.slice(0, 2))
    const page = { after: ["a", "b"], limit: 2 }
    expect(await at.paths([], page)).toEqual(all.slice(3, 5))
    expect(await at.paths(["c"])).toEqual([])
  })

  test("refuses a value, a path or a group that is too large, and keeps none", async () => {
    const at = now()
    const refused = (entries: readonly { path: StatePath; value: Uint8Array }[]) =>
      run(Effect.flip(at.state.write(at.owner, entries)))
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
    expect(await at.paths([])).toEqual([])
    await at.write([["largest"], new Uint8Array(stateValueBytesMax)])
    expect(await at.paths([])).toEqual([["largest"]])
  })

  test("takes any names, and lists them in the order of their bytes", async () => {
    const at = now()
    const arbitrary = fc.array(fc.string({ unit: "grapheme", maxLength: 4 }), {
      minLength: 1,
      maxLength: 3,
    })
    const property = fc.asyncProperty(
      fc.uniqueArray(arbitrary, { selector: String }),
      async (of) => {
        at.owner = await at.claim()
        const before = await at.paths([])
        if (before.length > 0) {
          await at.write(...before.map((path): [StatePath, undefined] => [path, undefined]))
        }
        const unique = [...new Map(of.map((path) => [JSON.stringify(path), path])).values()]
        if (unique.length === 0) return
        await at.write(...unique.map((path): [StatePath, Uint8Array] => [path, bytes(7)]))
        expect(await at.paths([])).toEqual(unique.toSorted(comparePaths))
        for (const path of unique) {
          expect(await run(at.state.read(shard, path))).toEqual(bytes(7))
          const below = unique.filter((other) => path.every((part, i) => other[i] === part))
          expect(await at.paths(path)).toEqual(below.toSorted(comparePaths))
        }
      },
    )
    await fc.assert(property, { numRuns: 20 })
  })
}

function comparePaths(a: StatePath, b: StatePath): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = Buffer.compare(Buffer.from(a[i] ?? ""), Buffer.from(b[i] ?? ""))
    if (order !== 0) return order
  }
  return a.length - b.length
}
