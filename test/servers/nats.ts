/** NATS servers with JetStream: one alone, or three that replicate. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { obtainDebian } from "./debian.ts"
import { newFolder } from "./guarded.ts"
import { Link } from "./links.ts"
import { obtain } from "./obtain.ts"
import { type Found, isAtLeast, onPath, versionOf } from "./on-path.ts"
import { freePorts } from "./ports.ts"
import { Server } from "./server.ts"
import { ServerUnavailable } from "./unavailable.ts"

const pinned = "2.15.2"
/** The first version with what the log asks of JetStream (design D3). */
const least = "2.12.0"
const askMillisMax = 1_000
const askEveryMillis = 50
const meetMillisMax = 60_000

export interface NatsOptions {
  /** Further lines of nats.conf, at the top level: accounts, TLS, limits. */
  readonly config?: string
  /** Further lines of its `jetstream` block: `sync_interval: always`. */
  readonly jetstream?: string
}

export interface NatsServer extends Server {
  /** Address of the server's own HTTP status: `/varz`, `/jsz`, `/healthz`. */
  readonly monitorUrl: string
}

export interface NatsCluster {
  /** Addresses of all servers, separated by commas. */
  readonly url: string
  readonly version: string
  readonly servers: readonly NatsServer[]
  stop(): Promise<void>
}

export interface LinkedNatsCluster extends NatsCluster {
  /** What the server of the first index dials to reach the one of the second; none to itself. */
  readonly routes: readonly (readonly (Link | undefined)[])[]
}

interface Member {
  readonly name: string
  readonly port: number
  readonly monitorPort: number
  /** The port for its peers, where it has some, and where it dials them. */
  readonly clusterPort?: number
  readonly peerPorts?: readonly number[]
  /** It is dialled by links alone, and nobody is told of it. */
  readonly isLinked?: boolean
}

/** One server with JetStream on a free port. */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const [port = 0, monitorPort = 0] = await freePorts(2)
  const server = newNats(await natsProgram(), { name: "nats", port, monitorPort }, options)
  await server.start()
  return server
}

/** Debian's server, which is older than what the log asks of JetStream: it is to be refused. */
export async function startOldNats(options: NatsOptions = {}): Promise<NatsServer> {
  const [port = 0, monitorPort = 0] = await freePorts(2)
  const server = newNats(await oldNatsProgram(), { name: "old-nats", port, monitorPort }, options)
  await server.start()
  return server
}

/** Three servers that are one cluster; resolves when each of them knows a leader. */
export async function startNatsCluster(options: NatsOptions = {}): Promise<NatsCluster> {
  const ports = await freePorts(9)
  const peers = ports.slice(6)
  return startMembers(
    ports.map((clusterPort) => ({ clusterPort, peerPorts: peers })).slice(6),
    ports,
    options,
  )
}

/**
 * The same with a link between each server and each other one. They are told of no address, of
 * clients' neither: whoever is to reach one of them gets a link to it.
 */
export async function startLinkedNatsCluster(
  options: NatsOptions = {},
): Promise<LinkedNatsCluster> {
  const ports = await freePorts(9)
  const peers = ports.slice(6)
  const routes = await Promise.all(
    peers.map((_, from) =>
      Promise.all(
        peers.map((port, to) => (from === to ? undefined : Link.open(`nats://127.0.0.1:${port}`))),
      ),
    ),
  )
  const members = peers.map((clusterPort, from) => ({
    clusterPort,
    peerPorts: (routes[from] ?? []).flatMap((link) => (link === undefined ? [] : [link.port])),
    isLinked: true,
  }))
  const cluster = await startMembers(members, ports, options)
  const stop = async () => {
    await cluster.stop()
    for (const link of routes.flat()) link?.close()
  }
  return { ...cluster, routes, stop }
}

type Peer = Pick<Member, "clusterPort" | "peerPorts" | "isLinked">

async function startMembers(
  peers: readonly Peer[],
  ports: readonly number[],
  options: NatsOptions,
): Promise<NatsCluster> {
  const found = await natsProgram()
  const servers = peers.map((peer, at) => {
    const member = { name: `nats-${at + 1}`, port: ports[at] ?? 0, monitorPort: ports[at + 3] ?? 0 }
    return newNats(found, { ...member, ...peer }, options)
  })
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()))
  }
  try {
    await Promise.all(servers.map((server) => server.start()))
    await seeEachOther(servers)
  } catch (error) {
    await stop()
    throw error
  }
  return { url: servers.map(({ url }) => url).join(","), version: found.version, servers, stop }
}

/** Until their leader sees all others: it places no stream on those that it takes for offline. */
async function seeEachOther(servers: readonly NatsServer[]): Promise<void> {
  const until = Date.now() + meetMillisMax
  while (Date.now() < until) {
    // One that does not answer in time is asked again.
    const seen = await Promise.all(
      servers.map(({ monitorUrl }) => peersSeen(monitorUrl).catch(() => 0)),
    )
    if (seen.includes(servers.length - 1)) return
    await sleep(askEveryMillis)
  }
  throw new ServerUnavailable(
    `${servers.length} NATS servers did not see each other in ${meetMillisMax / 1_000} s`,
  )
}

interface JetStreamStatus {
  readonly meta_cluster?: {
    readonly leader?: string
    readonly replicas?: readonly {
      readonly name: string
      readonly current: boolean
      readonly offline?: boolean
    }[]
  }
}

/** How many others a server that leads them sees; none where it does not lead. */
async function peersSeen(monitorUrl: string): Promise<number> {
  const answer = await fetch(`${monitorUrl}/jsz`, { signal: AbortSignal.timeout(askMillisMax) })
  const { meta_cluster: { leader, replicas = [] } = {} } = (await answer.json()) as JetStreamStatus
  if (leader === undefined || replicas.some(({ name }) => name === leader)) return 0
  return replicas.filter(({ current, offline = false }) => current && !offline).length
}

/** A server with JetStream: the one on the PATH if it is new enough, else the pinned one. */
export async function natsProgram(): Promise<Found> {
  const present = onPath("nats-server", ["--version"], least)
  if (present !== undefined) return present
  const commandIn = (folder: string) => join(folder, "nats-server")
  const folder = await obtain({
    name: `nats-server-${pinned}`,
    runs: (part) => versionOf(commandIn(part), ["--version"]) === pinned,
    providedBy: `nats-server ${least} or newer, or Go 1.26, on the PATH`,
    make: (part, run) =>
      run("go", ["install", "-v", `github.com/nats-io/nats-server/v2@v${pinned}`], {
        env: { GOBIN: part },
      }),
  })
  return { command: commandIn(folder), version: pinned }
}

export async function oldNatsProgram(): Promise<Found> {
  const commandIn = (folder: string) => join(folder, "usr/sbin/nats-server")
  const versionIn = (folder: string) => versionOf(commandIn(folder), ["--version"])
  const folder = await obtainDebian({
    name: "nats-server-debian",
    runs: (part) => versionIn(part) !== undefined,
    packages: ["nats-server"],
    providedBy: "Debian's apt-get and dpkg-deb",
  })
  const version = versionIn(folder)
  if (version === undefined || isAtLeast(version, least)) {
    throw new ServerUnavailable(`Debian's nats-server is no longer old: ${version}`)
  }
  return { command: commandIn(folder), version }
}

function newNats({ command, version }: Found, member: Member, options: NatsOptions): NatsServer {
  const folder = newFolder(member.name)
  const config = join(folder, "nats.conf")
  writeFileSync(config, configuration(folder, member, options))
  const monitorUrl = `http://127.0.0.1:${member.monitorPort}`
  const server = new Server({
    name: "nats-server",
    version,
    url: `nats://127.0.0.1:${member.port}`,
    command,
    args: ["--config", config],
    folder,
    answers: () => isHealthy(monitorUrl),
  })
  return Object.assign(server, { monitorUrl })
}

const configuration = (folder: string, member: Member, options: NatsOptions): string => `
server_name: ${member.name}
listen: "127.0.0.1:${member.port}"
http: "127.0.0.1:${member.monitorPort}"
jetstream {
  store_dir: "${join(folder, "jetstream")}"
  ${options.jetstream ?? ""}
}
${clusterBlock(member)}
${options.config ?? ""}
`

function clusterBlock({ clusterPort, peerPorts = [], isLinked = false }: Member): string {
  if (clusterPort === undefined) return ""
  const routes = peerPorts.map((port) => `"nats://127.0.0.1:${port}"`).join(", ")
  return `cluster {
  name: cluster
  listen: "127.0.0.1:${clusterPort}"
  routes: [${routes}]
  ${isLinked ? untold : ""}
}`
}

/** Where nobody listens: who hears of a server by another one does not get round its link. */
const untold = `advertise: "127.0.0.1:1"
  no_advertise: true
  ping_interval: "1s"
  ping_max: 3`

/** Whether JetStream is ready, with a leader where there are several servers. */
async function isHealthy(monitorUrl: string): Promise<void> {
  const answer = await fetch(`${monitorUrl}/healthz`, { signal: AbortSignal.timeout(askMillisMax) })
  const text = await answer.text()
  if (!answer.ok) throw new Error(text)
}
