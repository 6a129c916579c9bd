/** Opens a graph store in Neo4j. */
import { randomBytes } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type DataDirectoryRefused, Invalid, StoreFailed } from "../../../protocols/errors.ts"
import {
  neo4jIndexesMillisMax,
  neo4jRetriesMax,
  neo4jRetryMillisMax,
  neo4jRetryMillisMin,
  neo4jTransactionMillisMax,
} from "../../../protocols/limits.ts"
import type { Cursor, GraphStore, GraphView, StoreBroken } from "../../graph/port.ts"
import { sinkOf } from "../thread/sink.ts"
import { type Cypher, driverOf, type Neo4jAddress, placeOf, transact } from "./connection.ts"
import { isConflict, isMadeMeanwhile, openError } from "./failure.ts"
import { feedOf } from "./feed.ts"
import { ReadStore } from "./read-store.ts"
import { readsOf } from "./reads.ts"
import { checkServer, migrate, missingOf, refuseMissing, schemaTexts } from "./schema.ts"
import { cursorsOf } from "./summary.ts"
import { Watching } from "./watching.ts"
import type { WriterSettings } from "./writer.ts"
import { writerThread } from "./writer-thread.ts"

export interface Neo4jOptions {
  /** `bolt://host:port`, `bolt+s://…` with TLS, `neo4j://…` with routing. */
  readonly url: string
  readonly user: string
  readonly password: string
  readonly database?: string
  /** Name of the store; one database may have several. */
  readonly store?: string
  /** Changes of a tenant that are kept at least, and how long; as agreed where left out. */
  readonly changesKept?: WriterSettings["retention"]
  /** Shared memory that counts transactions: those that met another one, those foreseen. */
  readonly counts?: Int32Array
}

type OpenFailure = DataDirectoryRefused | Invalid | StoreBroken

const databaseDefault = "neo4j"
const storeDefault = "intelgraph"
const senderBytes = 8

/**
 * Opens the store, makes what it needs where that is missing, and starts its writer's thread.
 * Several nodes may have it open and write for the same tenant. Closing the scope lets what was
 * sent to the writer finish.
 */
export const openNeo4jGraph = (
  options: Neo4jOptions,
): Effect.Effect<GraphStore, OpenFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const address = yield* addressOf(options)
    const place = placeOf(address)
    yield* Effect.tryPromise({
      try: () => prepare(address),
      catch: (cause) => openError(cause, place),
    })
    const sender = randomBytes(senderBytes).toString("hex")
    const thread = yield* Effect.acquireRelease(
      Effect.sync(() =>
        writerThread({
          address,
          sender,
          retention: options.changesKept ?? {},
          counts: options.counts,
        }),
      ),
      (opened) => opened.close,
    )
    const store = yield* openReadStore(address)
    const watching = yield* Effect.acquireRelease(
      Effect.sync(
        () =>
          new Watching({
            sender,
            stands: (tenants) => store.stands(tenants),
            tell: (tenants) => thread.tell(tenants),
          }),
      ),
      (opened) => Effect.sync(() => opened.close()),
    )
    const cursors = cursorsIn(store, address)
    const sink = sinkOf(thread, {
      cursors,
      backup: () => Effect.fail(new StoreFailed({ store: place, message: notCopied })),
    })
    const feed = feedOf(store, (tenant, changed) => {
      const stops = [thread.watch(tenant, changed), watching.watch(tenant)]
      return () => {
        for (const stop of stops) stop()
      }
    })
    return { sink, cursors, reads: readsOf(store), feed }
  })

/**
 * For reading alone, beside nodes that write. Makes nothing; its feed tells nobody: whoever follows
 * it looks again.
 */
export const openNeo4jView = (
  options: Neo4jOptions,
): Effect.Effect<GraphView, OpenFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const address = yield* addressOf(options)
    const store = yield* openReadStore(address)
    const feed = feedOf(store, () => () => undefined)
    return { cursors: cursorsIn(store, address), reads: readsOf(store), feed }
  })

const cursorsIn =
  (store: ReadStore, address: Neo4jAddress): GraphView["cursors"] =>
  (tenant) =>
    store.plain((cypher) => cursorsOf(cypher, address.store, tenant)) as Effect.Effect<
      readonly Cursor[],
      StoreBroken
    >

const openReadStore = (address: Neo4jAddress) =>
  Effect.acquireRelease(
    Effect.sync(() => new ReadStore(address)),
    (opened) => Effect.promise(() => opened.close()),
  )

const notCopied =
  "A graph store in Neo4j is not copied from here: use neo4j-admin database dump, or backup."

function addressOf(options: Neo4jOptions): Effect.Effect<Neo4jAddress, Invalid> {
  const { url, user, password, database = databaseDefault, store = storeDefault } = options
  if (URL.canParse(url) && /^(bolt|neo4j)(\+s|\+ssc)?:$/.test(new URL(url).protocol)) {
    return Effect.succeed({ url, user, password, database, store })
  }
  const message = "The address of Neo4j is bolt://host:port, or begins with bolt+s: or neo4j:."
  return Effect.fail(new Invalid({ what: "neo4j", message }))
}

async function prepare(address: Neo4jAddress): Promise<void> {
  const { database, store } = address
  const driver = driverOf(address)
  const place = placeOf(address)
  const writing = { mode: "WRITE", timeoutMillis: neo4jTransactionMillisMax, keep: true } as const
  const inOne = <A>(use: (cypher: Cypher) => Promise<A>) =>
    whereAlone(() => transact(driver, database, writing, use))
  try {
    await inOne((cypher) => checkServer(cypher, place))
    const missing = await inOne(missingOf)
    if (missing.length > 0) {
      // Each is a transaction of its own: the server does not take them together with others.
      for (const name of missing)
        await inOne((cypher) => cypher.command(schemaTexts.get(name) ?? ""))
      const seconds = neo4jIndexesMillisMax / 1_000
      await inOne((cypher) => cypher.rows("CALL db.awaitIndexes($seconds)", { seconds }))
      refuseMissing(await inOne(missingOf), place)
    }
    await inOne((cypher) => migrate(cypher, store, place))
  } finally {
    await driver.close()
  }
}

/** Nodes that start together make the same constraints, and the server refuses one of two. */
async function whereAlone<A>(transaction: () => Promise<A>): Promise<A> {
  for (let tries = 0; ; tries++) {
    try {
      return await transaction()
    } catch (cause) {
      const isPassing = isConflict(cause) || isMadeMeanwhile(cause)
      if (!isPassing || tries === neo4jRetriesMax) throw cause
      const spread = neo4jRetryMillisMax - neo4jRetryMillisMin
      await sleep(neo4jRetryMillisMin + Math.random() * spread)
    }
  }
}
