/** Opens a graph store in Postgres. */
import { randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type DataDirectoryRefused, Invalid, StoreFailed } from "../../../protocols/errors.ts"
import { postgresIdleMillisMax } from "../../../protocols/limits.ts"
import type { GraphStore, GraphView, StoreBroken } from "../../graph/port.ts"
import { sinkOf } from "../thread/sink.ts"
import { WriterThread } from "../thread/writer-thread.ts"
import { feedOf } from "./changes.ts"
import { connect, disconnect, type PostgresAddress, placeOf } from "./connection.ts"
import { openError } from "./failure.ts"
import { Listener } from "./listener.ts"
import { ReadStore } from "./read-store.ts"
import { readsOf } from "./reads.ts"
import { migrate } from "./schema.ts"
import { cursorsOf } from "./summary.ts"
import type { WriterSettings } from "./writer.ts"

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string
  /** Holds everything of the store; made where it is not there. */
  readonly schema?: string
  /** Changes of a tenant that are kept at least, and how long; as agreed where left out. */
  readonly changesKept?: WriterSettings["retention"]
  /**
   * How long a writer's transaction may be silent before the server ends it; shorter than the lease
   * of whoever owns the shards. As agreed where left out.
   */
  readonly silentMillisMax?: number
}

type OpenFailure = DataDirectoryRefused | Invalid | StoreBroken

const schemaDefault = "intelgraph"
const senderBytes = 8

/**
 * Opens the store, makes its tables where there are none, and starts its writer's thread. Several
 * nodes may have it open and write for the same tenant. Closing the scope lets what was sent to the
 * writer finish.
 */
export const openPostgresGraph = (
  options: PostgresOptions,
): Effect.Effect<GraphStore, OpenFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const address = yield* addressOf(options)
    const place = placeOf(address)
    yield* attempt(place, () => prepare(address))
    const sender = randomBytes(senderBytes).toString("hex")
    const settings: WriterSettings = {
      address,
      sender,
      retention: options.changesKept ?? {},
      silentMillisMax: options.silentMillisMax ?? postgresIdleMillisMax,
    }
    const thread = yield* Effect.acquireRelease(
      Effect.sync(() => new WriterThread(place, new URL("./worker.ts", import.meta.url), settings)),
      (opened) => opened.close,
    )
    const listener = new Listener(address, sender, {
      tenant: (name) => thread.tell([name]),
      everybody: () => thread.tellAll(),
    })
    yield* Effect.acquireRelease(
      attempt(place, () => listener.start()),
      () => Effect.promise(() => listener.close()),
    )
    const store = yield* openReadStore(address)
    const cursors = cursorsIn(store)
    const sink = sinkOf(thread, {
      cursors,
      backup: () => Effect.fail(new StoreFailed({ store: place, message: notCopied })),
    })
    const feed = feedOf(store, (tenant, changed) => thread.watch(tenant, changed))
    return { sink, cursors, reads: readsOf(store), feed }
  })

/**
 * For reading alone, beside nodes that write. Makes nothing; its feed tells nobody: whoever follows
 * it looks again.
 */
export const openPostgresView = (
  options: PostgresOptions,
): Effect.Effect<GraphView, OpenFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const address = yield* addressOf(options)
    const store = yield* openReadStore(address)
    const feed = feedOf(store, () => () => undefined)
    return { cursors: cursorsIn(store), reads: readsOf(store), feed }
  })

const cursorsIn =
  (store: ReadStore): GraphView["cursors"] =>
  (tenant) =>
    store.plain((sql) => cursorsOf(sql, tenant)) as Effect.Effect<
      Awaited<ReturnType<typeof cursorsOf>>,
      StoreBroken
    >

const openReadStore = (address: PostgresAddress) =>
  Effect.acquireRelease(
    Effect.sync(() => new ReadStore(address)),
    (opened) => Effect.promise(() => opened.close()),
  )

const notCopied =
  "A graph store in Postgres is not copied from here: use pg_dump, or the server's base backups."

function addressOf({ url, schema = schemaDefault }: PostgresOptions) {
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol)) {
    const message = "The address of Postgres is postgres://user:password@host:port/database."
    return Effect.fail(new Invalid({ what: "postgres", message }))
  }
  if (/^[a-z][a-z0-9_]{0,62}$/.test(schema)) return Effect.succeed({ url, schema })
  const message = `A schema's name has lower-case letters, digits and _, not ${schema}.`
  return Effect.fail(new Invalid({ what: "schema", message }))
}

async function prepare(address: PostgresAddress): Promise<void> {
  const connection = await connect(address)
  try {
    await migrate(connection.sql, address)
  } finally {
    await disconnect(connection)
  }
}

const attempt = (place: string, use: () => Promise<void>) =>
  Effect.tryPromise({ try: use, catch: (cause) => openError(cause, place) })
