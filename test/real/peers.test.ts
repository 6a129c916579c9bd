/** Messages between nodes over real servers, one and three, and processes that are killed. */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest"
import { peerSilenceMillisMax } from "../../protocols/limits.ts"
import { openBroker } from "../../runtime/adapters/jetstream/connection.ts"
import { makeNodeHost, NotThere, openPeers } from "../../runtime/index.ts"
import { peersConformance } from "../runtime/peers-conformance.ts"
import { type NatsCluster, type Server, startNats, startNatsCluster } from "../servers/index.ts"
import { listenTo } from "../support/child.ts"
import { logName } from "../support/jetstream-world.ts"
import { natsPeers } from "../support/nats-peers.ts"
import { run } from "../support/run.ts"
import { runScoped } from "../support/scoped.ts"

const script = fileURLToPath(new URL("../support/peer-child.ts", import.meta.url))
const patient = { timeout: 60_000, interval: 20 }

let name = ""
beforeEach(() => {
  name = logName()
})

/** A node that is a process, and what it has told. */
async function startPeer(servers: string, node: string) {
  const child = spawn(process.execPath, [script, servers, name, node], {
    stdio: ["ignore", "pipe", "pipe"],
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  let err = ""
  child.stderr.on("data", (text: Buffer) => {
    err += text.toString("utf8")
  })
  const { says, ended } = listenTo(child)
  await says(/"ready"/)
  const told = () =>
    err
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line))
  const has = (event: string, payload: unknown) =>
    told().some((one) => one.event === event && one.payload === payload)
  return { child, told, has, ended, signal: (signal: NodeJS.Signals) => void child.kill(signal) }
}

const asker = async (servers: string) => {
  const { broker } = await runScoped(openBroker({ servers }))
  const own = { node: "a", incarnation: "i1" }
  return await runScoped(openPeers(broker, { own, name, host: makeNodeHost() }))
}

const failureOf = <A, E>(effect: Effect.Effect<A, E>) => run(Effect.flip(effect))

describe("one server", () => {
  let server: Server | undefined
  beforeAll(async () => {
    server = await startNats()
  })
  afterAll(() => server?.stop())
  const url = () => server?.url ?? ""
  peersConformance(
    "peers over NATS",
    natsPeers(url, () => name),
  )

  describe("a node that is a process", () => {
    test("that is killed is gone for who asks next, and in time for who waits", async () => {
      const [a, b] = [await asker(url()), await startPeer(url(), "b")]
      const waiting = failureOf(a.ask("b", "work", 1, 60_000))
      await vi.waitFor(() => expect(b.has("begun", 1)).toBe(true), patient)
      b.signal("SIGKILL")
      await b.ended
      const next = async () =>
        expect(await failureOf(a.ask("b", "pid", 1, 200))).toBeInstanceOf(NotThere)
      await vi.waitFor(next, patient)
      const error = await waiting
      expect(error).toMatchObject({ _tag: "Unavailable" })
      expect(error).not.toBeInstanceOf(NotThere)
      const again = await startPeer(url(), "b")
      expect(await run(a.ask("b", "pid", 1))).toBe(again.child.pid)
    })

    test("that stands still begins nothing that was to be done by then", async () => {
      const [a, b] = [await asker(url()), await startPeer(url(), "b")]
      expect(await run(a.ask("b", "pid", 1))).toBe(b.child.pid)
      const waiting = failureOf(a.ask("b", "work", "before", 60_000))
      await vi.waitFor(() => expect(b.has("begun", "before")).toBe(true), patient)
      b.signal("SIGSTOP")
      const late = await Promise.all(
        [1, 2, 3].map((payload) => failureOf(a.ask("b", "work", payload, 500))),
      )
      for (const error of late) expect(error).toMatchObject({ _tag: "DeadlineExceeded" })
      // Its part in what it was at work on is over as well.
      expect(await waiting).toMatchObject({ _tag: "Unavailable" })
      b.signal("SIGCONT")
      await vi.waitFor(
        async () => expect(await run(a.ask("b", "pid", 1))).toBe(b.child.pid),
        patient,
      )
      await vi.waitFor(() => expect(b.has("ended", "before")).toBe(true), patient)
      expect(b.told().filter(({ event }) => event === "begun")).toHaveLength(1)
    })

    test("that streams is given up when it stands still, and ends that later", async () => {
      const [a, b] = [await asker(url()), await startPeer(url(), "b")]
      const reading = Effect.gen(function* () {
        const { next } = yield* a.stream("b", "count", "s")
        for (let n = 0; n < 100; n++) expect(yield* next).toEqual({ kind: "chunk", value: n })
        b.signal("SIGSTOP")
        const from = performance.now()
        const error = yield* Effect.flip(Effect.forever(next))
        return { error, millis: performance.now() - from }
      })
      const { error, millis } = await run(Effect.scoped(reading))
      expect(error).toMatchObject({ _tag: "Unavailable" })
      expect(millis).toBeGreaterThan(peerSilenceMillisMax / 2)
      b.signal("SIGCONT")
      await vi.waitFor(() => expect(b.has("ended", "s")).toBe(true), patient)
    })

    test("answers again when the server was away", async () => {
      const [a, b] = [await asker(url()), await startPeer(url(), "b")]
      const waiting = failureOf(a.ask("b", "work", 1, 60_000))
      await vi.waitFor(() => expect(b.has("begun", 1)).toBe(true), patient)
      server?.kill()
      expect(await waiting).toMatchObject({ _tag: "Unavailable" })
      const cut = await failureOf(a.ask("b", "pid", 1))
      expect(cut).toBeInstanceOf(NotThere)
      await server?.start()
      const answers = async () => expect(await run(a.ask("b", "pid", 1, 500))).toBe(b.child.pid)
      await vi.waitFor(answers, patient)
    })
  })
})

describe("three servers", () => {
  let cluster: NatsCluster | undefined
  beforeAll(async () => {
    cluster = await startNatsCluster()
  })
  afterAll(() => cluster?.stop())
  let next = 0
  /** Each node at another one of them. */
  const url = () => {
    next += 1
    return cluster?.servers[next % cluster.servers.length]?.url ?? ""
  }
  peersConformance(
    "peers over NATS",
    natsPeers(url, () => name),
  )

  test("one of which dies take nodes on to the others", async () => {
    const all = cluster?.url ?? ""
    const [a, b] = [await asker(all), await startPeer(all, "b")]
    for (const server of cluster?.servers ?? []) {
      server.kill()
      const answers = async () => expect(await run(a.ask("b", "pid", 1, 500))).toBe(b.child.pid)
      await vi.waitFor(answers, patient)
      await server.start()
    }
  })
})
