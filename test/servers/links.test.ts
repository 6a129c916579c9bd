import { once } from "node:events"
import { connect, createServer, type Server, type Socket } from "node:net"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Link } from "./links.ts"

let echo: Server
let link: Link
let client: Socket
let heard = ""
/** What reached the server, in all its connections. */
let received = ""
let endsConnections = false

beforeEach(async () => {
  heard = ""
  received = ""
  endsConnections = false
  echo = createServer((socket) => {
    socket.on("error", () => {})
    if (endsConnections) socket.end()
    socket.on("data", (bytes) => {
      received += bytes
      socket.write(bytes)
    })
  })
  await once(echo.listen(0, "127.0.0.1"), "listening")
  const address = echo.address()
  if (address === null || typeof address === "string") throw new Error("no port")
  link = await Link.open(`nats://127.0.0.1:${address.port}`)
  client = await connected()
})
afterEach(() => {
  client.destroy()
  link.close()
  echo.close()
})

async function connected(): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port: link.port })
  socket.on("data", (bytes) => {
    heard += bytes
  })
  socket.on("error", () => {})
  await once(socket, "connect")
  return socket
}

describe("a link", () => {
  it("is a port of its own that passes bytes both ways", async () => {
    expect(link.url).toBe(`nats://127.0.0.1:${link.port}`)
    client.write("a")
    await expect.poll(() => heard).toBe("a")
  })

  it("holds what a direction carries, and lets it go in order", async () => {
    link.hold("back")
    client.write("a")
    await expect.poll(() => received).toBe("a")
    client.write("b")
    await expect.poll(() => received).toBe("ab")
    expect(heard).toBe("")
    link.hold("forth")
    client.write("c")
    link.heal()
    await expect.poll(() => heard).toBe("abc")
  })

  it("holds the sender back where much is held, and loses nothing of it", async () => {
    link.hold("forth")
    const text = "x".repeat(8 * 1024 ** 2)
    expect(client.write(text)).toBe(false)
    link.heal()
    await expect.poll(() => heard.length, { timeout: 20_000 }).toBe(text.length)
  })

  it("is slow when told, and quick again when healed", async () => {
    link.slow(300)
    const began = Date.now()
    client.write("a")
    await expect.poll(() => heard).toBe("a")
    expect(Date.now() - began).toBeGreaterThanOrEqual(600)
    link.heal()
    client.write("b")
    await expect.poll(() => heard).toBe("ab")
  })

  it("resets its connections when it is broken, and takes new ones", async () => {
    client.write("a")
    await expect.poll(() => heard).toBe("a")
    link.break()
    await expect.poll(() => client.closed).toBe(true)
    client = await connected()
    client.write("b")
    await expect.poll(() => heard).toBe("ab")
  })

  it("ends a connection that the server ends", async () => {
    endsConnections = true
    const second = await connected()
    await expect.poll(() => second.closed).toBe(true)
  })
})
