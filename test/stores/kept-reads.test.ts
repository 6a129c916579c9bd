/** Reads of the graph with a cache before them: the same answers, as new as the store's own. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterAll, describe, expect, it } from "vitest"
import {
  type CacheShape,
  type GraphStore,
  memoryCache,
  openGraphStore,
  openRedisCache,
  type RankRequest,
  withKept,
} from "../../stores/index.ts"
import { run } from "../support/run.ts"
import { runScoped } from "../support/scoped.ts"
import { conformanceOfReads } from "./reads-conformance.ts"
import { block, byKey, plainEntity, relates, tenant, thing } from "./records.ts"

const folder = mkdtempSync(join(tmpdir(), "intelgraph-kept-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let stores = 0
const opened = () => runScoped(openGraphStore({ path: join(folder, `graph-${stores++}.db`) }))

describe("reads with a cache before them", () => {
  conformanceOfReads(async () => withKept(await opened(), memoryCache(), unexpected))

  const request: RankRequest = {
    type: "thing",
    unless: [],
    steps: [{ relationship: "uses", direction: "out", type: "thing" }],
    count: 0,
    first: 9,
  }

  /** One thing uses so many others. */
  const using = (sequence: number, others: number, name = "user") => {
    const targets = Array.from({ length: others }, (_, i) => `other ${i}`)
    const uses = targets.map((key) => relates(byKey("user"), byKey(key)))
    const things = [
      thing("user", { name, "né-": [1, 2], "": true }),
      ...targets.map((key) => thing(key)),
    ]
    const [user, ...rest] = things
    if (user === undefined) throw new Error("one at least")
    return block(
      sequence,
      [{ ...user, hash: Buffer.from(`${sequence}`), relationships: uses }, ...rest],
      {
        run: { epoch: 1, count: sequence },
      },
    )
  }

  const shown = (store: Pick<GraphStore, "reads">, asked = request) =>
    Effect.map(store.reads.rank(tenant, asked), (rows) =>
      rows.map(({ entity, count }) => ({ entity: plainEntity(entity), count })),
    )

  const near = ({ reads }: Pick<GraphStore, "reads">) =>
    Effect.map(reads.neighbors(tenant, { type: "thing", key: "user" }, { hops: 2 }), (found) => ({
      ...found,
      entities: found.entities.map((entity) => ({ ...plainEntity(entity), hops: entity.hops })),
    }))

  it("let the store be read once for as long as nothing is committed", async () => {
    const store = await opened()
    const cache = memoryCache()
    const kept = withKept(store, cache, unexpected)
    for (const [sequence, others, made] of [
      [1, 2, 1],
      [2, 3, 4],
      [3, 1, 7],
    ] as const) {
      await run(kept.sink.commit([using(sequence, others, `user ${sequence}`)]))
      const truth = await run(shown(store))
      expect(truth).toMatchObject([{ count: others, entity: { key: "user" } }])
      const asking = Array.from({ length: 5 }, () => shown(kept))
      const answers = await run(Effect.all(asking, { concurrency: "unbounded" }))
      for (const answer of answers) expect(answer).toEqual(truth)
      expect(cache.figures().made).toBe(made)
      expect(await run(shown(kept, { ...request, first: 1 }))).toEqual(truth)
      const around = await run(near(kept))
      expect(around).toEqual(await run(near(store)))
      expect(around.entities).toHaveLength(others)
      expect(await run(near(kept))).toEqual(around)
      expect(cache.figures()).toMatchObject({ made: made + 2, unkept: 0 })
    }
  })

  it("answer nothing of another store that has the same versions", async () => {
    const cache = memoryCache()
    const [one, two] = [await opened(), await opened()]
    await run(one.sink.commit([using(1, 1)]))
    await run(two.sink.commit([using(1, 2)]))
    expect(await run(one.reads.version(tenant))).toBe(await run(two.reads.version(tenant)))
    for (const store of [one, two]) {
      expect(await run(shown(withKept(store, cache, unexpected)))).toEqual(await run(shown(store)))
    }
  })

  it("fail as the store does, and keep no failure", async () => {
    const cache = memoryCache()
    const kept = withKept(await opened(), cache, unexpected)
    const refused = { ...request, first: 0 }
    for (let i = 0; i < 2; i++) {
      expect(await run(Effect.flip(kept.reads.rank(tenant, refused)))).toMatchObject({
        _tag: expect.stringMatching(/Invalid|LimitExceeded/),
      })
    }
    expect(cache.figures()).toMatchObject({ hits: 0, made: 0 })
  })

  it("go to the store where the cache is away, and tell it once", async () => {
    const store = await opened()
    await run(store.sink.commit([using(1, 2)]))
    // Nobody listens there.
    const cache = await runScoped(openRedisCache({ url: "redis://127.0.0.1:1" }))
    let told = 0
    const kept = withKept(store, cache, () => told++)
    for (let i = 0; i < 3; i++) expect(await run(shown(kept))).toEqual(await run(shown(store)))
    expect(told).toBe(1)
  })

  it("go to the store where the cache has other bytes than were put", async () => {
    const store = await opened()
    await run(store.sink.commit([using(1, 2)]))
    for (const bytes of ["", "{}", "[", "[1,2]"]) {
      const cache: CacheShape = {
        ...memoryCache(),
        getOrMake: () => Effect.succeed(Buffer.from(bytes)),
      }
      expect(await run(shown(withKept(store, cache, unexpected)))).toEqual(await run(shown(store)))
    }
  })
})

const unexpected = () => {
  throw new Error("A cache in memory is not away.")
}
