/** Nodes as processes that share shards through real servers, and are killed and paused. */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { leaseMillis } from "../../protocols/limits.ts"
import { shareOut } from "../../runtime/index.ts"
import { type NatsCluster, type Server, startNats, startNatsCluster } from "../servers/index.ts"
import { logName } from "../support/jetstream-world.ts"
import { type PlacementProcess, PlacementProcesses } from "../support/placement-processes.ts"

/** Generous: what is measured is printed, and the machine may be busy. */
const waitMillisMax = 120_000
const testMillisMax = 300_000
const until = (hold: () => void) => vi.waitFor(hold, { timeout: waitMillisMax, interval: 20 })

/** Three nodes with their shares, of which none moves any more. */
async function three(cluster: PlacementProcesses) {
  const a = cluster.start("a")
  const b = cluster.start("b")
  const c = cluster.start("c")
  const nodes = { a, b, c }
  const shares = shareOut(Object.keys(nodes).map((node) => ({ node, weight: 1 })))
  await until(() => {
    for (const [name, { open }] of Object.entries(nodes)) {
      expect(open.size).toBe(shares.filter((node) => node === name).length)
    }
    expect(cluster.isAllOwned()).toBe(true)
  })
  return nodes
}

/** How long until these own every shard, told on stderr. */
async function timeToOwned(cluster: PlacementProcesses, nodes: readonly PlacementProcess[]) {
  const from = performance.now()
  await until(() => expect(cluster.isAllOwned(nodes)).toBe(true))
  const millis = Math.round(performance.now() - from)
  process.stderr.write(`every shard has a new owner after ${millis} ms\n`)
  return millis
}

function suite(name: string, servers: () => string, replicas: number): void {
  const make = () => new PlacementProcesses(servers(), logName(), replicas)

  describe(`nodes on ${name}`, () => {
    test("take over from one that is killed", async () => {
      const cluster = make()
      const { a, b, c } = await three(cluster)
      b.signal("SIGKILL")
      const millis = await timeToOwned(cluster, [a, c])
      expect(millis).toBeGreaterThan(leaseMillis / 3)
      expect(cluster.fallen).toEqual([])
    })

    test("take over from one that is paused, and refuse what it writes when it wakes", async () => {
      const cluster = make()
      const { a, b, c } = await three(cluster)
      const held = b.open.size
      const told = b.told.length
      b.signal("SIGSTOP")
      await timeToOwned(cluster, [a, c])
      b.signal("SIGCONT")
      const late = () => b.told.slice(told).filter(({ event }) => event === "late")
      await until(() => expect(late()).toHaveLength(held))
      expect(late().every(({ why }) => why === "Fenced")).toBe(true)
      await until(() => {
        expect(b.open.size).toBeGreaterThan(0)
        expect(cluster.isAllOwned()).toBe(true)
      })
      expect(cluster.fallen).toEqual([])
    })
  })
}

describe("placement", { timeout: testMillisMax }, () => {
  let server: Server | undefined
  let cluster: NatsCluster | undefined
  beforeAll(async () => {
    server = await startNats()
    cluster = await startNatsCluster()
  })
  afterAll(async () => {
    await server?.stop()
    await cluster?.stop()
  })

  suite("one server", () => server?.url ?? "", 1)
  suite("three servers", () => cluster?.url ?? "", 3)

  test("moves the shards of a node that drains, and the node ends", async () => {
    const placed = new PlacementProcesses(server?.url ?? "", logName(), 1)
    const { a, b, c } = await three(placed)
    const held = b.open.size
    const told = b.told.length
    b.signal("SIGTERM")
    await until(() => expect(b.has("left")).toBe(true))
    await until(() => expect(placed.isAllOwned([a, c])).toBe(true))
    await until(() => expect(b.isRunning).toBe(false))
    expect(b.told.slice(told).filter(({ event }) => event === "closed")).toHaveLength(held)
    expect(b.told.some(({ why }) => why === "given")).toBe(true)
  })

  test("leaves a name to the process that has it", async () => {
    const placed = new PlacementProcesses(server?.url ?? "", logName(), 1)
    const first = placed.start("a")
    await until(() => expect(placed.isAllOwned([first])).toBe(true))
    const twin = placed.start("a")
    await until(() => expect(twin.has("failed")).toBe(true))
    expect(twin.told.at(-1)?.why).toMatch(/node a/)
    expect(placed.isAllOwned([first])).toBe(true)
  })

  test("outlives the servers, one after the other and all together", async () => {
    const placed = new PlacementProcesses(cluster?.url ?? "", logName(), 3)
    placed.start("a")
    placed.start("b")
    await until(() => expect(placed.isAllOwned()).toBe(true))
    for (const one of cluster?.servers ?? []) {
      one.kill()
      await one.start()
      await until(() => expect(placed.isAllOwned()).toBe(true))
    }
    for (const one of cluster?.servers ?? []) one.kill()
    await Promise.all((cluster?.servers ?? []).map((one) => one.start()))
    await until(() => expect(placed.isAllOwned()).toBe(true))
    expect(placed.fallen).toEqual([])
  })
})
