/**
 * The hub over a real store, with sockets that have room when a seed says so: whatever the
 * schedule, every subscriber is told every change behind its place, once and in order.
 */
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { expect, it } from "vitest"
import { localAccess } from "../../../gateway/access/access.ts"
import { Engine } from "../../../gateway/execute.ts"
import type { Frame } from "../../../gateway/live/frame.ts"
import { Live, type Subscribed } from "../../../gateway/live/live.ts"
import { prepareSubscription } from "../../../gateway/live/operation.ts"
import type { Outlet } from "../../../gateway/live/outlet.ts"
import { Wire } from "../../../gateway/live/wire.ts"
import { subscriberWaitingBytesMax } from "../../../protocols/limits.ts"
import { run } from "../../support/run.ts"
import { temporaryFolder } from "../../support/scoped.ts"
import { type Change, changesDocument } from "./client.ts"
import { SlowSocket } from "./slow-socket.ts"
import { openWriter, until } from "./world.ts"

/** Numbers that depend on the seed alone. */
function randomOf(seed: number) {
  let state = seed * 2654435761 + 1
  return (below: number) => {
    state = (state * 1103515245 + 12345) % 2 ** 31
    return Math.floor((state / 2 ** 31) * below)
  }
}

/** One subscriber, over all its subscriptions. */
class Listener {
  readonly types: readonly string[] | undefined
  readonly events: Change[] = []
  readonly errors: unknown[] = []
  socket = new SlowSocket()
  subscribed: Subscribed | undefined
  /** Changes that there were just before it began, and just after. */
  begunBefore = 0
  begunBy = 0

  constructor(types: readonly string[] | undefined) {
    this.types = types
  }

  outlet(): Outlet {
    const socket = new SlowSocket()
    this.socket = socket
    const wire = new Wire(socket, 60_000, () => undefined)
    const send = (frames: readonly Frame[]) => {
      for (const { payload } of frames) {
        this.events.push(JSON.parse(String(payload)).data.entityChanged)
      }
      wire.write(Buffer.concat(frames.map(({ payload }) => payload)), frames.length)
      socket.mostHeld = Math.max(socket.mostHeld, socket.writableLength)
    }
    return { wire, send, fail: (error) => void this.errors.push(error) }
  }
}

async function makeWorld(seed: number) {
  const writer = await openWriter(join(temporaryFolder(), "graph.db"))
  const { feed, reads } = writer.store
  const masked: unknown[] = []
  const sources = { reads, live: { feed, resumeKey: randomBytes(32) } }
  const engine = new Engine(sources, (_, error) => masked.push(error))
  const live = new Live(engine, () => () => undefined)
  const places = async () => {
    const { sequences } = await run(feed.position("demo"))
    return sequences.reduce((sum, sequence) => sum + sequence, 0)
  }
  const subscribe = async (listener: Listener, after?: string) => {
    const variables = { types: listener.types, ...(after === undefined ? {} : { after }) }
    const request = { access: localAccess("demo"), document: changesDocument, variables }
    const prepared = prepareSubscription(engine, request)
    if (!("subscription" in prepared)) throw new Error(JSON.stringify(prepared))
    listener.subscribed = await live.subscribe(prepared.subscription, listener.outlet())
  }
  return { writer, feed, live, places, subscribe, masked, random: randomOf(seed) }
}

type HubWorld = Awaited<ReturnType<typeof makeWorld>>

const typesAskedFor = [undefined, ["a"], ["a", "b"], ["c"]]
const types = ["a", "b", "c"]

function stepsOf({ writer, places, subscribe, random }: HubWorld, listeners: Listener[]) {
  const one = () => listeners[random(listeners.length)]
  const commits: Promise<void>[] = []
  let serial = 0
  const commit = () => {
    const records = Array.from({ length: 1 + random(120) }, () => ({
      type: types[random(types.length)] ?? "a",
      key: `k${random(20)}`,
      name: `${serial++} ${"x".repeat(random(30_000))}`,
    }))
    commits.push(writer.say(records))
  }
  const begin = async () => {
    const listener = new Listener(typesAskedFor[random(typesAskedFor.length)])
    listeners.push(listener)
    listener.begunBefore = await places()
    await subscribe(listener)
    listener.begunBy = await places()
  }
  const steps: readonly (() => unknown)[] = [
    commit,
    commit,
    () => Promise.all(commits),
    begin,
    () => one()?.socket.stop(),
    () => one()?.socket.take(),
    async () => {
      const some = one()
      const after = some?.events.at(-1)?.resume
      if (some === undefined || after === undefined) return
      some.subscribed?.leave()
      await subscribe(some, after)
    },
    () => new Promise<void>((resolve) => setImmediate(resolve)),
    () => new Promise<void>((resolve) => setTimeout(resolve, random(5))),
  ]
  return {
    begin,
    step: () => steps[random(steps.length)]?.(),
    committed: () => Promise.all(commits),
  }
}

/** Of all schedules: which of them come to it depends on how fast the store commits. */
let catchUps = 0

it.each([1, 2, 3, 4, 5, 6])(
  "tells each change once, whatever the schedule (seed %i)",
  async (seed) => {
    const world = await makeWorld(seed)
    const listeners: Listener[] = []
    const { begin, step, committed } = stepsOf(world, listeners)
    await begin()
    for (let i = 0; i < 120; i++) await step()
    await committed()
    const all = await allChanges(world)
    for (const { socket } of listeners) socket.take()
    for (const listener of listeners) {
      const matching = all.filter(({ type }) => listener.types?.includes(type) ?? true)
      const due = matching.filter(({ place }) => place > listener.begunBefore)
      await until(() => listener.events.at(-1)?.revision === due.at(-1)?.revision)
      const told = listener.events.map(({ revision }) => revision)
      expect(told).toEqual(due.map(({ revision }) => revision).slice(-told.length))
      const sure = due.filter(({ place }) => place > listener.begunBy)
      expect(told.length).toBeGreaterThanOrEqual(sure.length)
      expect(listener.errors).toEqual([])
      expect(listener.socket.mostHeld).toBeLessThanOrEqual(subscriberWaitingBytesMax)
    }
    expect(world.masked).toEqual([])
    catchUps += world.live.counts.catchUps
  },
)

it("has come to where subscribers must catch up, in some of these schedules", () => {
  expect(catchUps).toBeGreaterThan(0)
})

it("tells who begins behind a place while the last other one leaves", async () => {
  const { writer, subscribe } = await makeWorld(0)
  const [first, second] = [new Listener(undefined), new Listener(undefined)]
  await subscribe(first)
  const say = (name: string) => writer.say([{ key: "k", name }])
  await say("1")
  await until(() => first.events.length === 1)
  await say("2")
  const begun = subscribe(second, first.events[0]?.resume)
  first.subscribed?.leave()
  await begun
  await until(() => second.events.length === 1)
  await say("3")
  await until(() => second.events.length === 2)
})

async function allChanges({ feed }: HubWorld) {
  const { feed: name } = await run(feed.position("demo"))
  const all: { readonly revision: number; readonly type: string; readonly place: number }[] = []
  let after = { feed: name, sequences: [] as readonly number[] }
  for (;;) {
    const page = await run(feed.changes("demo", {}, { first: 500, after }))
    if (page === undefined) throw new Error("not kept")
    for (const { revision, type } of page.changes) {
      all.push({ revision, type, place: all.length + 1 })
    }
    after = page.position
    if (!page.hasMore) return all
  }
}
