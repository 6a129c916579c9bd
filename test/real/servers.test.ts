/** The launcher of real servers: each is killed, paused, started again, and leaves nothing. */
import { execFile } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { connect } from "@nats-io/transport-node"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { newFolder } from "../servers/guarded.ts"
import {
  startNats,
  startNatsCluster,
  startNeo4j,
  startOldNats,
  startPostgres,
  startRedis,
} from "../servers/index.ts"
import type { NatsCluster } from "../servers/nats.ts"
import { isAtLeast } from "../servers/on-path.ts"
import { isAlive } from "../servers/process-tree.ts"
import { Server } from "../servers/server.ts"
import type { Status } from "../servers/verbs.ts"
import { type Asked, askNats, askNeo4j, askPostgres, askRedis } from "../support/ask-servers.ts"

interface Kind {
  readonly name: string
  readonly start: () => Promise<Server>
  readonly asked: (server: Server, millisMax?: number) => Asked
}

const patient = { timeout: 60_000 }
const answerMillisMax = 30_000

/** What the server of many processes starts, unless it is killed before. */
const startedMax = 1_000

const kinds: readonly Kind[] = [
  { name: "nats", start: () => startNats(), asked: askNats },
  { name: "redis", start: () => startRedis(), asked: askRedis },
  { name: "postgres", start: () => startPostgres(), asked: askPostgres },
  { name: "neo4j", start: () => startNeo4j(), asked: askNeo4j },
]

/** Whether a process works in `folder`; one that has ended, or is not ours, does not. */
function worksIn(pid: string, folder: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === folder
  } catch {
    return false
  }
}

describe.each(kinds)("the $name server", { timeout: 300_000 }, ({ start, asked }) => {
  let server: Server
  let asking: Asked
  /** Gives up soon, where no answer is what is waited for. */
  let hasty: Asked
  beforeAll(async () => {
    server = await start()
    asking = asked(server, answerMillisMax)
    hasty = asked(server)
  })
  afterAll(() => server?.stop())

  it("answers on a loopback port, as the process that it names", async () => {
    expect(new URL(server.url).hostname).toBe("127.0.0.1")
    expect(server.version).toMatch(/^\d+\.\d+/)
    expect(isAlive(server.pid)).toBe(true)
    await asking.keep()
    expect(await asking.kept()).toBe(true)
  })

  it("answers nothing while it is paused, and goes on", async () => {
    server.pause()
    await expect(hasty.kept()).rejects.toThrow()
    server.resume()
    expect(await asking.kept()).toBe(true)
  })

  it("is gone when it is killed, and comes back as another process with what it had", async () => {
    const { pid, url } = server
    server.kill()
    await expect.poll(() => isAlive(pid), patient).toBe(false)
    await expect(hasty.kept()).rejects.toThrow()
    await server.start()
    expect(server.url).toBe(url)
    expect(server.pid).not.toBe(pid)
    expect(await asking.kept()).toBe(true)
  })

  it("ends in order, paused or not, and comes back with what it had", async () => {
    const { pid } = server
    server.pause()
    await server.stop()
    expect(isAlive(pid)).toBe(false)
    await server.start()
    expect(await asking.kept()).toBe(true)
  })
})

describe.runIf(process.platform === "linux")("a server that starts processes all the time", () => {
  const started = () => readdirSync("/proc").filter((pid) => worksIn(pid, folder))
  let folder = ""

  it("is gone with all of them once its end after a kill was waited for", async () => {
    folder = realpathSync(newFolder("starts-many"))
    await using server = new Server({
      ...{ name: "starts-many", version: "1", url: "", folder },
      command: "sh",
      args: ["-c", `i=0; while [ $i -lt ${startedMax} ]; do sleep 60 & i=$((i + 1)); done; wait`],
      answers: async () => expect(started().length).toBeGreaterThan(startedMax / 10),
    })
    await server.start()
    server.kill()
    await server.stop()
    expect(started()).toEqual([])
  })
})

describe("the old NATS server", () => {
  it("is older than what the log needs", async () => {
    await using server = await startOldNats()
    expect(isAtLeast(server.version, "2.12.0")).toBe(false)
    const connection = await connect({ servers: server.url })
    expect(connection.info?.version).toBe(server.version)
    await connection.close()
  })
})

describe("the cluster of NATS servers", () => {
  let cluster: NatsCluster
  beforeAll(async () => {
    cluster = await startNatsCluster()
  })
  afterAll(() => cluster?.stop())

  /** A new leader may have to be found first. */
  const comesToAnswer = (where: { readonly url: string }) =>
    expect
      .poll(
        () =>
          askNats(where)
            .kept()
            .catch(() => false),
        patient,
      )
      .toBe(true)

  it("is three processes that hold the same", async () => {
    expect(new Set(cluster.servers.map(({ pid }) => pid)).size).toBe(3)
    expect(cluster.url.split(",")).toEqual(cluster.servers.map(({ url }) => url))
    await askNats(cluster, answerMillisMax).keep()
    for (const server of cluster.servers) await comesToAnswer(server)
  })

  it.each([0, 1, 2])("goes on without server %i, and takes it back", async (which) => {
    const server = cluster.servers[which]
    server?.kill()
    const others = cluster.servers.filter((one) => one !== server)
    await comesToAnswer({ url: others.map(({ url }) => url).join(",") })
    await server?.start()
    await comesToAnswer({ url: server?.url ?? "" })
  })
})

describe("npm run servers", () => {
  const run = promisify(execFile)
  const command = fileURLToPath(new URL("../servers/main.ts", import.meta.url))
  const kindsUsed = ["nats", "redis"]
  let folder = ""
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "intelgraph-test-"))
  })
  afterEach(async () => {
    await servers("down")
    rmSync(folder, { recursive: true, force: true })
  })

  /** Runs the command over a temporary folder of its own, so that no other's servers are meant. */
  async function servers(verb: string): Promise<readonly Status[]> {
    const args = [command, verb, ...kindsUsed, "--json"]
    const { stdout } = await run(process.execPath, args, {
      env: { ...process.env, TMPDIR: folder },
    })
    return JSON.parse(stdout)
  }
  const states = (told: readonly Status[]) => told.map(({ state }) => state)
  const pids = (told: readonly Status[]) => told.flatMap((one) => one.servers.map(({ pid }) => pid))

  it("starts servers that stay, tells of them, and ends them without a trace", async () => {
    expect(states(await servers("status"))).toEqual(["down", "down"])
    const up = await servers("up")
    expect(states(up)).toEqual(["up", "up"])
    expect(pids(up).every(isAlive)).toBe(true)
    expect(await servers("status")).toEqual(up)
    expect(await servers("up")).toEqual(up)
    expect(states(await servers("down"))).toEqual(["down", "down"])
    expect(pids(up).some(isAlive)).toBe(false)
    expect(readdirSync(folder)).toEqual([])
  })

  it("starts again on the same port what somebody killed", async () => {
    const [nats, redis] = await servers("up")
    process.kill(nats?.servers[0]?.pid ?? 0, "SIGKILL")
    await expect.poll(async () => states(await servers("status")), patient).toEqual(["ended", "up"])
    const [again, other] = await servers("up")
    expect(again?.state).toBe("up")
    expect(again?.url).toBe(nats?.url)
    expect(other).toEqual(redis)
  })

  it("leaves no server and no file when its keepers are killed", async () => {
    const up = await servers("up")
    const folders = up.flatMap((one) => one.servers.map((server) => server.folder))
    for (const { keeper } of up) process.kill(keeper ?? 0, "SIGKILL")
    await expect.poll(() => pids(up).some(isAlive), patient).toBe(false)
    await expect.poll(() => folders.some(existsSync), patient).toBe(false)
    expect(states(await servers("status"))).toEqual(["down", "down"])
  })

  it("tells how it is used", async () => {
    const asked = run(process.execPath, [command, "sideways"])
    await expect(asked).rejects.toMatchObject({ code: 2, stderr: /^usage: npm run servers/ })
  })
})
