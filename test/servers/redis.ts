/** A Redis server that keeps what it was told over a kill. */
import { join } from "node:path"
import { Redis } from "ioredis"
import { obtainDebian, withLibrariesOf } from "./debian.ts"
import { newFolder } from "./guarded.ts"
import { type Found, onPath, versionOf } from "./on-path.ts"
import { freePorts } from "./ports.ts"
import { Server } from "./server.ts"

const least = "7.0"
const argv0 = "redis-server"
const askMillisMax = 1_000

interface RedisProgram extends Found {
  readonly env?: Readonly<Record<string, string>>
}

export interface RedisOptions {
  /** Further settings, as on the server's command line: `["--maxmemory", "16mb"]`. */
  readonly config?: readonly string[]
}

export async function startRedis(options: RedisOptions = {}): Promise<Server> {
  const { command, version, env } = await redisProgram()
  const [port = 0] = await freePorts(1)
  const folder = newFolder("redis")
  const url = `redis://127.0.0.1:${port}`
  const server = new Server({
    name: argv0,
    version,
    url,
    command,
    argv0,
    args: [...settings(folder, port), ...(options.config ?? [])],
    ...(env === undefined ? {} : { env }),
    folder,
    answers: () => ping(url),
  })
  await server.start()
  return server
}

const settings = (folder: string, port: number): readonly string[] => [
  ...["--bind", "127.0.0.1", "--port", `${port}`, "--dir", folder],
  ...["--save", "", "--appendonly", "yes", "--appendfsync", "no"],
]

/** A Redis: the one on the PATH if it is new enough, else Debian's. */
export async function redisProgram(): Promise<RedisProgram> {
  const present = onPath("redis-server", ["--version"], least)
  if (present !== undefined) return present
  const folder = await obtainDebian({
    name: `redis-${least}`,
    packages: ["redis-tools", "libjemalloc2", "liblzf1", "libatomic1", "libsystemd0", "libssl3"],
    runs: (part) => versionIn(part) !== undefined,
    providedBy: `redis-server ${least} or newer on the PATH, or Debian's apt-get and dpkg-deb`,
  })
  const env = withLibrariesOf(folder)
  return { command: commandIn(folder), env, version: versionIn(folder) ?? least }
}

/** Debian's program is one file that does what the name says that it is called by. */
const commandIn = (folder: string): string => join(folder, "usr/bin/redis-check-rdb")
const versionIn = (folder: string): string | undefined =>
  versionOf(commandIn(folder), ["--version"], { env: withLibrariesOf(folder), argv0 })

async function ping(url: string): Promise<void> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: askMillisMax,
    commandTimeout: askMillisMax,
    retryStrategy: () => null,
  })
  // What goes wrong rejects the call below.
  client.on("error", () => {})
  try {
    await client.connect()
    await client.ping()
  } finally {
    client.disconnect()
  }
}
