/** The graph store in Postgres: the port's conformance suite, and what is of this adapter alone. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import fc from "fast-check"
import pg from "pg"
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest"
import type { BlockEffects } from "../../protocols/graph.ts"
import {
  leaseMillis,
  postgresAnalyzedAfter,
  postgresAnswerMillisMax,
  postgresReadersMax,
} from "../../protocols/limits.ts"
import { Listener } from "../../stores/adapters/postgres/listener.ts"
import { type GraphStore, openPostgresGraph } from "../../stores/index.ts"
import { Link, type Server, startPostgres } from "../servers/index.ts"
import { choices, chooser, priorities, readings, schedule } from "../stores/arbitrary.ts"
import { graphConformance } from "../stores/graph-conformance.ts"
import { GraphModel, hashOfVisible } from "../stores/model.ts"
import { block, byKey, record, relates, retract, tenant, thing } from "../stores/records.ts"
import { openTestGraph, schemaOf } from "../support/postgres-store.ts"
import { closeScope, openScope, run } from "../support/run.ts"
import { runScoped } from "../support/scoped.ts"
import { startStopwatch } from "../support/stopwatch.ts"

let server: Server

beforeAll(async () => {
  server = await startPostgres()
})

afterAll(() => server.stop())

graphConformance({ name: "Postgres", open: (path) => openTestGraph(server.url, path) })

let stores = 0
const freshName = () => `own ${stores++}`
const opened = (name: string) => runScoped(openTestGraph(server.url, name))

describe("several nodes on one Postgres", () => {
  it("bring a new store its first log at the same time", async () => {
    for (let round = 0; round < 5; round++) {
      const name = freshName()
      const nodes = await Promise.all([opened(name), opened(name), opened(name)])
      const guarded = nodes.map(({ sink }) => run(sink.guard("log", [])))
      await Promise.all(guarded)
    }
  })

  it("write for one tenant at the same time, and make one graph with one feed", async () => {
    const name = freshName()
    const nodes = [await opened(name), await opened(name), await opened(name)]
    const told: number[] = []
    for (const [i, node] of nodes.entries()) node.feed.watch(tenant, () => void told.push(i))
    const lanes = nodes.map((_, partition) => laneOf(partition))
    await run(
      Effect.forEach(
        nodes,
        (node, i) => Effect.forEach(lanes[i] ?? [], (one) => node.sink.commit([one])),
        { concurrency: nodes.length },
      ),
    )
    const alone = await opened(freshName())
    for (const one of lanes.flat()) await run(alone.sink.commit([one]))
    const hashes = await run(
      Effect.forEach([...nodes, alone], ({ reads }) => reads.graphHash(tenant)),
    )
    expect(new Set(hashes).size).toBe(1)
    const counts = await run(Effect.forEach([...nodes, alone], ({ reads }) => reads.counts(tenant)))
    for (const one of counts) expect(one).toEqual(counts.at(-1))
    expect(await followed(nodes[0] ?? alone)).toEqual(await revisionsOf(nodes[1] ?? alone))
    await expect.poll(() => new Set(told).size, { timeout: 10_000 }).toBe(nodes.length)
  })

  it("leave the graph of the definition, whatever is read and in whatever order", async () => {
    await fc.assert(
      fc.asyncProperty(readings, priorities, choices, async (runs, settings, numbers) => {
        const calls = schedule(runs, chooser(numbers))
        const model = new GraphModel()
        for (const one of calls.flat()) model.commit(one)
        for (const { source, priority } of settings) model.configureSource(source, priority)
        const name = freshName()
        const hash = await run(
          Effect.scoped(
            Effect.gen(function* () {
              const nodes = [
                yield* openTestGraph(server.url, name),
                yield* openTestGraph(server.url, name),
              ]
              for (const [i, call] of calls.entries()) {
                const node = nodes[i % nodes.length]
                if (node !== undefined) yield* node.sink.commit(call)
              }
              const [first] = nodes
              if (first === undefined) return ""
              for (const { source, priority } of settings) {
                yield* first.sink.configureSource(tenant, source, { priority })
              }
              return yield* first.reads.graphHash(tenant)
            }),
          ),
        )
        expect(hash).toBe(hashOfVisible(model.visible()))
      }),
      { numRuns: 12, endOnFailure: true },
    )
  })
})

describe("a writer that is paused", () => {
  it("holds up nobody for longer than a lease, and writes nothing when it wakes", async () => {
    const name = freshName()
    const store = await opened(name)
    const { shard } = block(1, [])
    await run(store.sink.guard("log", [{ shard, epoch: 1 }]))
    for (let epoch = 1; epoch <= 5; epoch++) {
      const child = writingChild(name, epoch)
      const outcomes = linesOf(child)
      await expect.poll(() => outcomes.includes("applied"), { timeout: 30_000 }).toBe(true)
      child.kill("SIGSTOP")
      const ranMillis = startStopwatch()
      await run(store.sink.guard("log", [{ shard, epoch: epoch + 1 }]))
      expect(ranMillis()).toBeLessThan(leaseMillis)
      const [cursor] = await run(store.sink.cursors(tenant))
      const ended = once(child, "close")
      child.kill("SIGCONT")
      await ended
      expect(outcomes.at(-1)).toBe("fenced")
      expect(await run(store.sink.cursors(tenant))).toEqual([cursor])
      await clear(name)
    }
  })
})

describe("a Postgres that goes away", () => {
  it("makes commits unavailable until it is back, and each block counts once", async () => {
    const own = await startPostgres()
    onTestFinished(() => own.stop())
    const store = await runScoped(openTestGraph(own.url, "outage"))
    await run(store.sink.commit([block(1, [thing("a")])]))
    own.kill()
    const failure = await run(Effect.flip(store.sink.commit([block(2, [thing("b")])])))
    expect(failure).toMatchObject({ _tag: "Unavailable" })
    const read = await run(Effect.flip(store.reads.counts(tenant)))
    expect(read).toMatchObject({ _tag: "Unavailable" })
    let isTold = false
    store.feed.watch(tenant, () => {
      isTold = true
    })
    await own.start()
    await expect
      .poll(() => run(Effect.exit(store.sink.commit([block(2, [thing("b")])]))), {
        timeout: 30_000,
      })
      .toMatchObject({ _tag: "Success" })
    expect(await run(store.reads.counts(tenant))).toMatchObject({ entities: 2 })
    await expect.poll(() => isTold, { timeout: 30_000 }).toBe(true)
  })
})

describe("statistics of a Postgres that cannot be renewed", () => {
  it("fail no commit", async () => {
    const name = freshName()
    const schema = schemaOf(name)
    const { sink, reads } = await opened(name)
    await asked(`
      CREATE SEQUENCE ${schema}.refused;
      CREATE FUNCTION ${schema}.refusing(bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS $$
      BEGIN
        IF current_query() LIKE 'ANALYZE%' THEN
          RAISE EXCEPTION 'not now, %', nextval('${schema}.refused');
        END IF;
        RETURN $1;
      END $$;
      CREATE INDEX ON ${schema}.record (${schema}.refusing(id))`)
    const many = Array.from({ length: postgresAnalyzedAfter + 1 }, (_, i) => thing(`k${i}`))
    for (const sequence of [1, 2]) {
      const outcomes = await run(sink.commit([block(sequence, many)]))
      expect(outcomes).toMatchObject([{ kind: "applied" }])
    }
    expect(await run(reads.counts(tenant))).toMatchObject({ entities: many.length })
    const refused = await asked(`SELECT is_called FROM ${schema}.refused`)
    expect(refused).toEqual([{ is_called: true }])
  })
})

/** A third of what an answer is waited for. */
const closingMillisMax = postgresAnswerMillisMax / 3

describe("closing a store in Postgres", () => {
  const linked = async () => {
    const link = await Link.open(server.url)
    onTestFinished(() => link.close())
    return link
  }

  it("does not wait for a server that hears nothing", async () => {
    const link = await linked()
    const scope = openScope()
    const store = await run(Scope.provide(openTestGraph(link.url, freshName()), scope))
    await run(store.sink.commit([block(1, [thing("a")])]))
    await run(store.reads.counts(tenant))
    link.hold()
    const reads = Array.from({ length: postgresReadersMax + 2 }, () =>
      run(Effect.flip(store.reads.counts(tenant))),
    )
    const ranMillis = startStopwatch()
    await closeScope(scope)
    const failures = await Promise.all(reads)
    for (const failure of failures) expect(failure._tag).toBe("Unavailable")
    for (const { message } of failures.slice(postgresReadersMax)) {
      expect(message).toBe("The graph store is closed.")
    }
    expect(ranMillis()).toBeLessThan(closingMillisMax)
  })

  it("ends the connection that is made again meanwhile", async () => {
    const link = await linked()
    const heard = { tenant: () => undefined, everybody: () => undefined }
    const listener = new Listener({ url: link.url, schema: "public" }, "own", heard)
    await listener.start()
    link.hold()
    link.break()
    await expect.poll(() => link.connectionsTaken).toBe(2)
    await listener.close()
    link.heal()
    await expect.poll(() => link.connections).toBe(0)
  })

  it("ends a connection whose first statement nobody answers", async () => {
    const link = await linked()
    const { query } = pg.Client.prototype
    const asking = vi.spyOn(pg.Client.prototype, "query")
    onTestFinished(() => asking.mockRestore())
    const listening = new Promise<void>((resolve) => {
      asking.mockImplementation(function (this: pg.Client, ...args: readonly unknown[]) {
        link.hold()
        resolve()
        return Reflect.apply(query, this, args)
      })
    })
    const heard = { tenant: () => undefined, everybody: () => undefined }
    const listener = new Listener({ url: link.url, schema: "public" }, "own", heard)
    const starting = expect(listener.start()).rejects.toThrow(/terminated/)
    await listening
    await listener.close()
    await starting
    link.heal()
    await expect.poll(() => link.connections).toBe(0)
  })
})

describe("opening a store in Postgres", () => {
  const refused = (url: string, schema = schemaOf("refused")) =>
    run(Effect.flip(Effect.scoped(openPostgresGraph({ url, schema }))))

  it("says what is wrong, and never the password", async () => {
    const wrong = server.url.replace(/:[^:@/]+@/, ":no-such-secret@")
    const failures = [
      [await refused(wrong), "DataDirectoryRefused", "user and password do not fit"],
      [await refused(`${server.url}nowhere`), "DataDirectoryRefused", "no such database"],
      [await refused(server.url.replace(/:\d+\//, ":1/")), "Unavailable", "ECONNREFUSED"],
      [await refused("http://localhost"), "Invalid", "postgres://"],
      [await refused(server.url, 'x"; DROP'), "Invalid", "schema"],
    ] as const
    for (const [failure, tag, words] of failures) {
      expect(failure._tag).toBe(tag)
      expect(failure.message).toContain(words)
      expect(JSON.stringify(failure)).not.toContain("no-such-secret")
      expect(JSON.stringify(failure)).not.toContain(server.password ?? "none")
    }
  })

  it("refuses a newer format by name", async () => {
    const name = freshName()
    await run(Effect.scoped(openTestGraph(server.url, name)))
    await asked(`UPDATE ${schemaOf(name)}.meta SET value = '99' WHERE name = 'format'`)
    const failure = await refused(server.url, schemaOf(name))
    expect(failure).toMatchObject({ _tag: "DataDirectoryRefused", reason: "newer-format" })
    expect(failure.message).toContain("format 99")
  })

  it("is done by several nodes at once", async () => {
    const name = freshName()
    const opens = Array.from({ length: 4 }, () => openTestGraph(server.url, name))
    await runScoped(Effect.all(opens, { concurrency: "unbounded" }))
    const formats = await asked(`SELECT value FROM ${schemaOf(name)}.meta WHERE name = 'format'`)
    expect(formats).toHaveLength(1)
  })
})

/** What a partition brings: entities that all share, links by key, changes and retractions. */
const laneOf = (partition: number): readonly BlockEffects[] =>
  Array.from({ length: 12 }, (_, i) => {
    const own = Array.from({ length: 10 }, (_, j) =>
      thing(`k${(i * 7 + j) % 40}`, { n: partition }),
    )
    const links = own.map((_, j) => relates(byKey(`k${j}`), byKey(`k${(i + j) % 40}`)))
    const said = record(`links ${i % 3}`, { relationships: links })
    const gone = i % 4 === 3 ? [retract(`k${i}`)] : []
    return block(i + 1, [...own, said, ...gone], {
      partition,
      shard: partition,
      source: `source ${partition}`,
      firstOrdinal: i * 100,
    })
  })

/** By entity, the last revision that the feed tells; those that are gone left out. */
async function followed({ feed }: GraphStore): Promise<ReadonlyMap<string, number>> {
  const seen = new Map<string, number>()
  const revisions: number[] = []
  let after = { feed: (await run(feed.position(tenant))).feed, sequences: [] as readonly number[] }
  for (;;) {
    const page = await run(feed.changes(tenant, {}, { first: 100, after }))
    for (const { kind, key, revision } of page?.changes ?? []) {
      revisions.push(revision)
      if (kind === "removed") seen.delete(key)
      else seen.set(key, revision)
    }
    if (page === undefined || !page.hasMore) break
    after = page.position
  }
  expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b))
  return new Map([...seen].sort())
}

async function revisionsOf({ reads }: GraphStore): Promise<ReadonlyMap<string, number>> {
  const { items } = await run(reads.entities(tenant, {}, { first: 500 }))
  return new Map(items.map(({ key, revision }) => [key, revision] as const).sort())
}

function writingChild(name: string, epoch: number): ChildProcess {
  const entry = fileURLToPath(new URL("../support/postgres-child.ts", import.meta.url))
  const args = [entry, server.url, schemaOf(name), String(epoch)]
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
  onTestFinished(() => void child.kill("SIGKILL"))
  return child
}

function linesOf(child: ChildProcess): string[] {
  const lines: string[] = []
  if (child.stdout !== null) {
    createInterface(child.stdout).on("line", (line) => lines.push(line))
  }
  return lines
}

/** Lets the next child begin with sequence 1. */
const clear = (name: string) => asked(`DELETE FROM ${schemaOf(name)}.cursor`)

async function asked(text: string): Promise<readonly unknown[]> {
  const client = new pg.Client(server.url)
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}
