/** Servers and a folder that the tests of one file share, and what tells a node of the servers. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll } from "vitest"
import {
  type Server,
  startNats,
  startNeo4j,
  startPostgres,
  startRedis,
  withUser,
} from "../servers/index.ts"

const starting = {
  nats: () => startNats(),
  neo4j: () => startNeo4j(),
  postgres: () => startPostgres(),
  redis: () => startRedis(),
}

export type ServerKind = keyof typeof starting

type Variable<Kind extends ServerKind> = `INTELGRAPH_${Uppercase<Kind>}`

/** The environment in which a node uses these servers. */
export type ServersEnv<Kind extends ServerKind> = { readonly [name in Variable<Kind>]: string }

export interface SharedServers<Kind extends ServerKind> {
  readonly server: (kind: Kind) => Server
  /** Of these of them. */
  readonly env: <Some extends Kind>(...kinds: readonly Some[]) => ServersEnv<Some>
}

/** Started before the file's first test, ended after its last. */
export function sharedServers<Kind extends ServerKind>(
  ...kinds: readonly Kind[]
): SharedServers<Kind> {
  const started = new Map<ServerKind, Server>()
  beforeAll(async () => {
    for (const kind of kinds) started.set(kind, await starting[kind]())
  })
  afterAll(async () => {
    for (const server of started.values()) await server.stop()
  })
  const server = (kind: Kind) => {
    const found = started.get(kind)
    if (found === undefined) throw new Error(`No ${kind} is started.`)
    return found
  }
  return { server, env: (...some) => envOf(some, server) }
}

/** A folder that is there for the tests of one file. */
export function sharedFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "intelgraph-test-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function envOf<Kind extends ServerKind>(
  kinds: readonly Kind[],
  server: (kind: Kind) => Server,
): ServersEnv<Kind> {
  const named = kinds.map((kind) => [`INTELGRAPH_${kind.toUpperCase()}`, withUser(server(kind))])
  return Object.fromEntries(named) as ServersEnv<Kind>
}
