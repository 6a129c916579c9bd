/** What every adapter of the `Register` port must do. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { describe, expect, test, vi } from "vitest"
import {
  type Entry,
  type Found,
  nodePlace,
  type Outcome,
  placeOf,
  type Register,
  shardPlace,
} from "../../runtime/index.ts"
import { run } from "../support/run.ts"
import { runScoped } from "../support/scoped.ts"

/** A register with nothing in it. */
export type MakeRegister = () => Effect.Effect<Register, unknown, Scope.Scope>

const shortMillis = 1_000
const longMillis = 60_000
/** How late a register may be to let an entry vanish, on a busy machine. */
const waitMillisMax = 10_000

const lease = (shard: number, node = "a", epoch = 0): Entry => ({
  kind: "lease",
  shard,
  node,
  incarnation: "i1",
  epoch,
})
const node = (name: string): Entry => ({
  kind: "node",
  node: name,
  incarnation: "i1",
  weight: 2,
  standing: "serves",
})

/** The revision of a write that must have been let in. */
function done(outcome: Outcome): number {
  if (outcome.kind !== "done") throw new Error(`refused: ${JSON.stringify(outcome)}`)
  return outcome.revision
}

/** What a watch told, place by place. */
class Watched {
  begun = 0
  completed = 0
  readonly found: Found[] = []
  readonly #fiber: Fiber.Fiber<never, unknown>

  constructor(fiber: Fiber.Fiber<never, unknown>) {
    this.#fiber = fiber
  }

  end = () => run(Fiber.interrupt(this.#fiber))

  entries = (place: string) =>
    this.found.filter((one) => one.place === place).map(({ entry }) => entry)
}

async function watch(register: Register): Promise<Watched> {
  const told: { watched?: Watched } = {}
  const watching = register.watch((news) => {
    const { watched } = told
    if (watched === undefined) return
    if (news.kind === "begins") watched.begun += 1
    else if (news.kind === "complete") watched.completed += 1
    else watched.found.push({ place: news.place, entry: news.entry, revision: news.revision })
  })
  const fiber = await runScoped(Effect.forkScoped(Effect.andThen(Effect.yieldNow, watching)))
  const watched = new Watched(fiber)
  told.watched = watched
  await vi.waitFor(() => expect(watched.completed).toBe(1), waitMillisMax)
  return watched
}

export function registerConformance(name: string, make: MakeRegister): void {
  describe(`${name}: register`, () => {
    const register = () => runScoped(make())

    test("lets one of several write where nothing is", async () => {
      const { put } = await register()
      const entries = ["a", "b", "c", "d"].map((one) => lease(3, one))
      const outcomes = await Promise.all(
        entries.map((entry) => run(put(entry, undefined, longMillis))),
      )
      const [first, ...more] = outcomes.flatMap((one, at) => (one.kind === "done" ? [at] : []))
      expect(more).toEqual([])
      const written = entries[first ?? -1]
      for (const outcome of outcomes) {
        if (outcome.kind !== "refused") continue
        expect(outcome.found).toMatchObject({ place: shardPlace(3), entry: written })
      }
    })

    test("replaces the entry that is named and no other", async () => {
      const { put } = await register()
      const first = done(await run(put(lease(1), undefined, longMillis)))
      const second = done(await run(put(lease(1, "a", 7), first, longMillis)))
      expect(second).toBeGreaterThan(first)
      expect(await run(put(lease(1, "b"), first, longMillis))).toEqual({
        kind: "refused",
        found: { place: shardPlace(1), entry: lease(1, "a", 7), revision: second },
      })
      expect(done(await run(put(lease(1, "b"), second, longMillis)))).toBeGreaterThan(second)
    })

    test("keeps places apart", async () => {
      const { put } = await register()
      done(await run(put(lease(1), undefined, longMillis)))
      done(await run(put(lease(11), undefined, longMillis)))
      done(await run(put(node("a"), undefined, longMillis)))
      done(await run(put(node("a-1"), undefined, longMillis)))
    })

    test("lets an entry vanish that is not written again, and not before its time", async () => {
      const { put } = await register()
      const before = performance.now()
      const revision = done(await run(put(lease(2), undefined, shortMillis)))
      const after = async () => {
        const outcome = await run(put(lease(2, "b"), undefined, longMillis))
        expect(outcome.kind).toBe("done")
      }
      await vi.waitFor(after, waitMillisMax)
      expect(performance.now() - before).toBeGreaterThanOrEqual(shortMillis)
      const late = await run(put(lease(2), revision, longMillis))
      expect(late).toMatchObject({ kind: "refused", found: { entry: lease(2, "b") } })
    })

    test("keeps an entry that is written again", async () => {
      const { put } = await register()
      let revision = done(await run(put(lease(4), undefined, 2 * shortMillis)))
      done(await run(put(lease(5), undefined, 2 * shortMillis)))
      const vanished = async () => {
        revision = done(await run(put(lease(4), revision, 30 * shortMillis)))
        const other = await run(put(lease(5, "b"), undefined, longMillis))
        expect(other.kind).toBe("done")
      }
      await vi.waitFor(vanished, waitMillisMax)
    })

    test("forgets an entry that is removed, and no other in its place", async () => {
      const { put, remove } = await register()
      const first = done(await run(put(lease(6), undefined, longMillis)))
      const second = done(await run(put(lease(6, "a", 3), first, longMillis)))
      expect((await run(remove(shardPlace(6), first))).kind).toBe("refused")
      expect((await run(remove(shardPlace(6), second))).kind).toBe("done")
      expect(await run(put(lease(6), second, longMillis))).toMatchObject({
        kind: "refused",
        found: { entry: undefined },
      })
      done(await run(put(lease(6, "b"), undefined, longMillis)))
    })

    test("tells a watch what is there, and then what changes", async () => {
      const one = await register()
      const first = done(await run(one.put(lease(8), undefined, longMillis)))
      const here = done(await run(one.put(node("here"), undefined, longMillis)))
      const watched = await watch(one)
      expect(watched.begun).toBe(1)
      const found = [...watched.found].sort((a, b) => a.revision - b.revision)
      expect(found).toEqual([
        { place: shardPlace(8), entry: lease(8), revision: first },
        { place: nodePlace("here"), entry: node("here"), revision: here },
      ])
      const second = done(await run(one.put(lease(8, "a", 4), first, longMillis)))
      done(await run(one.remove(shardPlace(8), second)))
      done(await run(one.put(lease(8, "b"), undefined, longMillis)))
      const seen = () =>
        expect(watched.entries(shardPlace(8))).toEqual([
          lease(8),
          lease(8, "a", 4),
          undefined,
          lease(8, "b"),
        ])
      await vi.waitFor(seen, waitMillisMax)
      const revisions = watched.found.slice(2).map(({ revision }) => revision)
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b))
    })

    test("tells a watch of what vanishes", async () => {
      const one = await register()
      const watched = await watch(one)
      expect(watched.found).toEqual([])
      const revision = done(await run(one.put(lease(9), undefined, shortMillis)))
      const gone = () => expect(watched.entries(shardPlace(9))).toEqual([lease(9), undefined])
      await vi.waitFor(gone, waitMillisMax)
      expect(watched.found[1]?.revision).toBeGreaterThan(revision)
    })

    test("tells a watch that begins later nothing of what is gone", async () => {
      const one = await register()
      const revision = done(await run(one.put(lease(10), undefined, longMillis)))
      done(await run(one.put(lease(12), undefined, shortMillis)))
      const former = await watch(one)
      done(await run(one.remove(shardPlace(10), revision)))
      const gone = () => expect(former.entries(shardPlace(12))).toEqual([lease(12), undefined])
      await vi.waitFor(gone, waitMillisMax)
      await former.end()
      const told = former.found.length
      const watched = await watch(one)
      expect(watched.found.filter(({ entry }) => entry !== undefined)).toEqual([])
      done(await run(one.put(lease(13), undefined, longMillis)))
      const isTold = () => expect(watched.entries(shardPlace(13))).toEqual([lease(13)])
      await vi.waitFor(isTold, waitMillisMax)
      expect(former.found).toHaveLength(told)
    })

    test("names a place by what it holds", () => {
      expect(placeOf(lease(3))).toBe(shardPlace(3))
      expect(placeOf(node("x"))).toBe(nodePlace("x"))
    })
  })
}
