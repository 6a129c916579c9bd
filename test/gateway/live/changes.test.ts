import { describe, expect, it } from "vitest"
import { query } from "../support.ts"
import { type Change, changesDocument, clientOf, listen } from "./client.ts"
import { RawSocket } from "./raw.ts"
import { liveWorld, until, type World } from "./world.ts"

const keysOf = (events: readonly Change[]) => events.map(({ key }) => key)

const listenFrom = (world: World, variables: { readonly [name: string]: unknown } = {}) =>
  listen<Change>(clientOf(world.socketUrl), changesDocument, variables)

const numbered = (from: number, to: number, text = "") =>
  Array.from({ length: to - from }, (_, i) => ({ key: `k${from + i}`, name: `${from + i}${text}` }))

const keys = (from: number, to: number) => keysOf(numbered(from, to) as unknown as Change[])

describe("entityChanged", () => {
  it("tells what was made, changed and removed, and the entity as it is", async () => {
    const world = await liveWorld()
    const told = listenFrom(world)
    await world.subscribers(1)
    await world.say([{ key: "a", name: "A" }])
    await until(() => told.events.length === 1)
    await world.say([{ key: "a", name: "B" }])
    await until(() => told.events.length === 2)
    await world.takeBack(["a"])
    await until(() => told.events.length === 3)
    expect(told.events.map(({ kind, key, entity }) => [kind, key, entity?.name])).toEqual([
      ["CREATED", "a", "A"],
      ["UPDATED", "a", "B"],
      ["REMOVED", "a", undefined],
    ])
    const revisions = told.events.map(({ revision }) => revision)
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b))
  })

  it("goes on behind a token, each change once", async () => {
    const world = await liveWorld()
    const first = listenFrom(world)
    await world.subscribers(1)
    await world.say(numbered(0, 10))
    await until(() => first.events.length === 10)
    first.stop()
    await world.subscribers(0)
    await world.say(numbered(10, 300))
    for (const at of [0, 4, 9]) {
      const again = listenFrom(world, { after: first.events[at]?.resume })
      await until(() => again.events.length === 299 - at)
      expect(keysOf(again.events)).toEqual(keys(at + 1, 300))
    }
    await world.subscribers(3)
    await world.say(numbered(300, 301))
  })

  it("goes on from a page that was read before", async () => {
    const world = await liveWorld()
    await world.say(numbered(0, 5))
    const document = "{ entities { resume items { key revision } } }"
    const read = async () =>
      (await query(world.url, document)).json().data?.entities as {
        resume: string
        items: { key: string; revision: number }[]
      }
    const page = await read()
    expect(page.items.map(({ key }) => key)).toEqual(keys(0, 5))
    expect(page.items.every(({ revision }) => revision > 0)).toBe(true)
    await world.say(numbered(3, 7, "!"))
    const told = listenFrom(world, { types: ["thing"], after: page.resume })
    await until(() => told.events.length === 4)
    expect(told.events.map(({ kind, key }) => [kind, key])).toEqual([
      ["UPDATED", "k3"],
      ["UPDATED", "k4"],
      ["CREATED", "k5"],
      ["CREATED", "k6"],
    ])
  })

  it("refuses tokens of other types, of another node and of nobody in the same words", async () => {
    const world = await liveWorld()
    const other = await liveWorld()
    const tokens: string[] = []
    for (const [of, types] of [
      [world, ["thing"]],
      [other, undefined],
    ] as const) {
      const told = listenFrom(of, { types })
      await of.subscribers(1)
      await of.say([{ key: "a", name: "A" }])
      await until(() => told.events.length === 1)
      tokens.push(told.events[0]?.resume ?? "")
    }
    const answers = await Promise.all(
      [...tokens, "AAAA", ""].map((after) => listenFrom(world, { after }).ended),
    )
    expect(answers[0]).toMatchObject([{ extensions: { code: "INVALID" } }])
    for (const answer of answers) expect(answer).toEqual(answers[0])
  })

  it("says that a token is older than what is kept, and from where to go on", async () => {
    const world = await liveWorld({ kept: { changesMax: 50 } })
    const told = listenFrom(world)
    await world.subscribers(1)
    await world.say(numbered(0, 1))
    await until(() => told.events.length === 1)
    told.stop()
    for (let i = 0; i < 20; i++) await world.say(numbered(0, 50, `${i}`))
    const ended = await listenFrom(world, { after: told.events[0]?.resume }).ended
    expect(ended).toMatchObject([{ extensions: { code: "RESUME_EXPIRED" } }])
    const { resume } = (ended as { extensions: { resume: string } }[])[0]?.extensions ?? {}
    const again = listenFrom(world, { after: resume })
    await world.subscribers(1)
    await world.say(numbered(0, 1, "new"))
    await until(() => again.events.length === 1)
    expect(again.events[0]?.entity?.name).toBe("0new")
  })

  it("executes once for all who see the same, and apart for others", async () => {
    const world = await liveWorld()
    const same = Array.from({ length: 20 }, () => listenFrom(world))
    const apart = listenFrom(world, { types: ["thing"] })
    await world.subscribers(21)
    await world.say(numbered(0, 3))
    await until(() => [...same, apart].every(({ events }) => events.length === 3))
    const metrics = await world.metrics()
    expect(metrics).toContain('live_total{what="frames"} 63\n')
    expect(metrics).toContain('live_total{what="executions"} 6\n')
    expect(metrics).toContain('live_open{what="groups"} 2\n')
  })

  it("lets those who resume from different places share what comes then", async () => {
    const world = await liveWorld()
    const first = listenFrom(world)
    await world.subscribers(1)
    await world.say(numbered(0, 4))
    await until(() => first.events.length === 4)
    const resumed = first.events.map(({ resume }) => listenFrom(world, { after: resume }))
    await until(() => resumed.every(({ events }, at) => events.length === 3 - at))
    await world.subscribers(5)
    expect(await world.metrics()).toContain('live_open{what="groups"} 1\n')
  })

  it("bounds what an event may read and hold", async () => {
    const world = await liveWorld()
    const client = clientOf(world.socketUrl)
    const relationships =
      "entity { relationships(first: 500) { items { to { relationships(first: 3) { end } } } } }"
    const wide = await listen(client, `subscription { entityChanged { ${relationships} } }`).ended
    expect(wide).toMatchObject([{ extensions: { limit: "liveEventRowsMax" } }])
    const told = listen(client, "subscription { entityChanged { entity { properties } } }")
    await world.subscribers(1)
    await world.say([{ key: "large", name: "x".repeat(2 * 1024 ** 2) }])
    await until(() => told.errors.length === 1)
    expect(told.errors[0]).toMatchObject({ extensions: { limit: "liveEventLengthMax" } })
    await world.say([{ key: "small", name: "x" }])
    await until(() => told.events.length === 1)
  })

  it("is not answered over plain HTTP, which says where it is", async () => {
    const { errors } = (
      await query((await liveWorld()).url, "subscription { entityChanged { id } }")
    ).json()
    expect(errors?.[0]?.message).toMatch(/goes on/)
    expect(errors?.[0]?.extensions.next).toMatch(/WebSocket at \/graphql, .*\/graphql\/stream/)
  })
})

describe("a socket that takes nothing", () => {
  const text = "x".repeat(10_000)
  const commitMany = async (world: World) => {
    for (let i = 0; i < 40; i++) await world.say(numbered(i * 50, i * 50 + 50, text))
  }

  it("costs no more than the bound, and is told everything once it reads", async () => {
    const world = await liveWorld()
    const others = [listenFrom(world), listenFrom(world)]
    const stalled = await RawSocket.open(world.socketUrl)
    await stalled.subscribe(changesDocument)
    await world.subscribers(3)
    stalled.stopReading()
    await commitMany(world)
    await until(() => others.every(({ events }) => events.length === 2000))
    expect(await world.metrics()).toMatch(/live_total\{what="catchUps"\} [1-9]/)
    expect(stalled.eventsRead).toBeLessThan(2000)
    stalled.read()
    await until(() => stalled.eventsRead === 2000)
    expect(keysOf(stalled.changes())).toEqual(keys(0, 2000))
    await world.say(numbered(2000, 2001))
    await until(() => stalled.eventsRead === 2001)
  })

  it("is closed when that lasts, with the token to go on from", async () => {
    const world = await liveWorld({ stallMillisMax: 200 })
    const stalled = await RawSocket.open(world.socketUrl)
    await stalled.subscribe(changesDocument)
    await world.subscribers(1)
    stalled.stopReading()
    const committing = commitMany(world)
    await world.subscribers(0)
    stalled.read()
    const { code, reason } = await stalled.closed
    await committing
    expect(await world.metrics()).toContain('live_total{what="stalled"} 1\n')
    expect(code).toBe(4413)
    const read = stalled.changes()
    const again = listenFrom(world, { after: reason.replace("resume=", "") })
    await until(() => again.events.length === 2000 - read.length)
    expect(keysOf([...read, ...again.events])).toEqual(keys(0, 2000))
  })
})
