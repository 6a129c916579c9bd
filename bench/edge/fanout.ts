/**
 * One change told to many: against the published server with an execution for each subscriber, the
 * time from a commit to the subscriber at a given pace, and what one that reads nothing
 * costs. Server and subscribers are processes of their own.
 */
import { liveTurnBytesMax, subscriberWaitingBytesMax } from "../../protocols/limits.ts"
import { ceiling, compare, type Figure, median } from "../measure.ts"
import { Child, type Judged, type Published } from "./fanout-child.ts"

const subscribers = 1_000
const ourServer = new URL("./fanout-ours.ts", import.meta.url)
const peerServer = new URL("./fanout-peer.ts", import.meta.url)
const bareServer = new URL("./fanout-bare.ts", import.meta.url)
const subscribing = new URL("./listeners.ts", import.meta.url)

interface Scene {
  readonly server: Child
  readonly listeners: Child
}

async function sceneOf(file: URL, count: number, stalled = 0): Promise<Scene> {
  const server = new Child(file)
  const port = await server.says<number>()
  const listeners = new Child(subscribing, String(port), String(count), String(stalled))
  await listeners.says()
  return { server, listeners }
}

function end({ server, listeners }: Scene): void {
  listeners.end()
  server.end()
}

export async function fanout(): Promise<readonly Figure[]> {
  return [await throughput(), ...(await latency()), ...(await stall())]
}

/** Messages a second, as many as there are. */
async function throughput(): Promise<Figure> {
  const ours = await sceneOf(ourServer, subscribers)
  const peer = await sceneOf(peerServer, subscribers)
  const changes = 40
  const rateOf = async ({ server, listeners }: Scene) => {
    const beganMillis = performance.now()
    const heard = listeners.ask({ messages: changes * subscribers })
    await server.ask({ changes, perBlock: 10, pauseMillis: 0, textLength: 100 })
    await heard
    return (changes * subscribers) / (performance.now() - beganMillis)
  }
  const figure = await compare({
    name: "fan-out to 1,000 subscribers",
    unit: "k messages/s",
    goal: 3,
    peerName: "graphql-ws",
    ours: () => rateOf(ours),
    peer: () => rateOf(peer),
  })
  end(ours)
  end(peer)
  return figure
}

/**
 * 20 changes a second for 1,000 subscribers; the same by bare sockets, which is what the machine
 * can do; and the same beside one that reads nothing.
 */
async function latency(): Promise<readonly Figure[]> {
  const changes = 100
  const begin = async (file: URL, stalled: number) => {
    const scene = await sceneOf(file, subscribers, stalled)
    const p95 = async () => {
      const heard = scene.listeners.ask({ messages: changes * (subscribers - stalled) })
      const command = { changes, perBlock: 1, pauseMillis: 48, textLength: 100 }
      const { committedMillis } = await scene.server.ask<Published>(command)
      await heard
      return (await scene.listeners.ask<Judged>({ committedMillis })).p95Millis
    }
    return { scene, p95, all: [] as number[] }
  }
  const alone = await begin(ourServer, 0)
  const beside = await begin(ourServer, 1)
  const bare = await begin(bareServer, 0)
  for (let round = 0; round <= 5; round++) {
    for (const one of [alone, beside, bare]) one.all.push(await one.p95())
  }
  const [ours = 0, oursBeside = 0, bares = 0] = [alone, beside, bare].map(({ scene, all }) => {
    end(scene)
    return median(all.slice(1))
  })
  const name = "fan-out p95 at 20,000 messages/s"
  return [
    ceiling(name, ours, 10, "ms"),
    { ...ceiling(name, ours, bares, "ms"), peerName: "bare sockets", goal: 0.7 },
    {
      ...ceiling("999 others' p95 beside a stalled one", oursBeside, ours, "ms"),
      peerName: "without",
      goal: 0.8,
    },
  ]
}

/** 10,000 changes of 2.5 KB, told to 20 others: what the stalled one costs the publisher. */
async function stall(): Promise<readonly Figure[]> {
  const others = 20
  const changes = 10_000
  const publish = async (stalled: number) => {
    const scene = await sceneOf(ourServer, others + stalled, stalled)
    const before = await scene.server.ask<number>({ weigh: true })
    const heard = scene.listeners.ask({ messages: changes * others })
    const command = { changes, perBlock: 50, pauseMillis: 0, textLength: 2_500 }
    const published = await scene.server.ask<Published>(command)
    await heard
    const after = await scene.server.ask<number>({ weigh: true })
    end(scene)
    return { rate: changes / published.millis, heldBytes: after - before }
  }
  const [held, heldWithout]: [number[], number[]] = [[], []]
  const rate = await compare({
    name: "publisher beside a stalled subscriber",
    unit: "k changes/s",
    goal: 0.9,
    peerName: "without",
    ours: async () => {
      const { rate: of, heldBytes } = await publish(1)
      held.push(heldBytes)
      return of
    },
    peer: async () => {
      const { rate: of, heldBytes } = await publish(0)
      heldWithout.push(heldBytes)
      return of
    },
  })
  return [rate, heldFigure(median(held) - median(heldWithout))]
}

/** What one socket may hold; it was given one turn's frames while there was room. */
const heldFigure = (bytes: number): Figure => {
  const bound = subscriberWaitingBytesMax + liveTurnBytesMax
  return ceiling("held for a stalled subscriber", bytes / 1024 ** 2, bound / 1024 ** 2, "MiB")
}
