import { expect, it } from "vitest"
import { AccessControl } from "../../../gateway/access/control.ts"
import { memoryAccessStore } from "../../../gateway/access/memory-store.ts"
import { startStopwatch } from "../../support/stopwatch.ts"
import { post } from "../support.ts"
import { BareSocket, type Change, changesDocument, clientOf, listen } from "./client.ts"
import { liveWorld, until } from "./world.ts"

async function guarded() {
  const control = new AccessControl({ store: memoryAccessStore(), openTenant: "demo" })
  const world = await liveWorld({ control })
  const token = (tenant: string, ...scopes: string[]) =>
    control.create("test", { tenant, scopes, label: "", lastsMillis: 60_000 })
  return { control, world, token }
}

const initCode = async (url: string, payload?: unknown): Promise<number> => {
  const socket = new BareSocket(url)
  await socket.opened
  socket.send({ type: "connection_init", ...(payload === undefined ? {} : { payload }) })
  return (await socket.closed).code
}

it("lets in by connection_init or by the header, and nobody else", async () => {
  const { world, token } = await guarded()
  const { text } = token("demo", "read")
  expect(await initCode(world.socketUrl)).toBe(4401)
  expect(await initCode(world.socketUrl, { token: "ig_no" })).toBe(4401)
  expect(await initCode(world.socketUrl, { authorization: `Bearer ${text}x` })).toBe(4401)
  for (const connectionParams of [{ token: text }, { authorization: `Bearer ${text}` }]) {
    const asked = listen(clientOf(world.socketUrl, { connectionParams }), "{ stats { entities } }")
    expect(await asked.ended).toBe("complete")
  }
  const byHeader = new BareSocket(world.socketUrl, undefined, { authorization: `Bearer ${text}` })
  await byHeader.init()
})

it("answers what is out of a token's scope with FORBIDDEN, and goes on", async () => {
  const { world, token } = await guarded()
  const { text } = token("demo", "write")
  const client = clientOf(world.socketUrl, { connectionParams: { token: text } })
  for (const document of [changesDocument, "{ stats { entities } }"]) {
    expect(await listen(client, document).ended).toMatchObject([
      { extensions: { code: "FORBIDDEN", scope: "read" } },
    ])
  }
  const headers = { authorization: `Bearer ${text}` }
  for (const document of [changesDocument, "{ stats { entities } }"]) {
    const { status } = await post(world.streamUrl, { query: document }, headers)
    expect(status, document).toBe(403)
  }
  const operator = token("*", "operate").text
  const ofNode = clientOf(world.socketUrl, { connectionParams: { token: operator } })
  expect(await listen(ofNode, changesDocument).ended).toMatchObject([
    { extensions: { code: "FORBIDDEN" } },
  ])
})

it("closes sockets and streams when their token is revoked, others not", async () => {
  const { control, world, token } = await guarded()
  const [mine, other] = [token("demo", "read"), token("demo", "read")]
  const sockets = [mine, other].map(({ text }) =>
    listen<Change>(
      clientOf(world.socketUrl, { connectionParams: { token: text } }),
      changesDocument,
    ),
  )
  const stream = fetch(world.streamUrl, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${mine.text}` },
    body: JSON.stringify({ query: changesDocument }),
  }).then((response) => response.text())
  await world.subscribers(3)
  await world.say([{ key: "a", name: "A" }])
  await until(() => sockets.every(({ events }) => events.length === 1))
  const ranMillis = startStopwatch()
  control.revoke("test", mine.token.id)
  expect(await sockets[0]?.ended).toMatchObject({ code: 4401 })
  expect(await stream).not.toContain("event: complete")
  expect(ranMillis()).toBeLessThan(1000)
  await world.say([{ key: "b", name: "B" }])
  await until(() => sockets[1]?.events.length === 2)
})

it("closes a socket whose token is revoked before it says connection_init", async () => {
  const { control, world, token } = await guarded()
  const { text, token: mine } = token("demo", "read")
  const socket = new BareSocket(world.socketUrl, undefined, { authorization: `Bearer ${text}` })
  await socket.opened
  control.revoke("test", mine.id)
  socket.send({ type: "connection_init" })
  expect((await socket.closed).code).toBe(4401)
  expect(socket.messages).toEqual([])
})

it("closes what came in while the node was open when the first token is made", async () => {
  const { world, token } = await guarded()
  const told = listen<Change>(clientOf(world.socketUrl), changesDocument)
  await world.subscribers(1)
  token("demo", "read")
  expect(await told.ended).toMatchObject({ code: 4401 })
})

it("keeps tenants apart, with the same document and keys", async () => {
  const { world, token } = await guarded()
  const listeners = ["one", "two"].map((tenant) =>
    listen<Change>(
      clientOf(world.socketUrl, { connectionParams: { token: token(tenant, "read").text } }),
      changesDocument,
    ),
  )
  const [one, two] = listeners
  await world.subscribers(2)
  await world.say([{ key: "a", name: "of one" }], "one")
  await world.say([{ key: "a", name: "of two" }], "two")
  await until(() => listeners.every(({ events }) => events.length === 1))
  expect(one?.events[0]?.entity?.name).toBe("of one")
  expect(two?.events[0]?.entity?.name).toBe("of two")
  const stolen = listen(
    clientOf(world.socketUrl, { connectionParams: { token: token("two", "read").text } }),
    changesDocument,
    { after: one?.events[0]?.resume },
  )
  expect(await stolen.ended).toMatchObject([
    { message: "The resume token is not one that this node gave for these types." },
  ])
})
