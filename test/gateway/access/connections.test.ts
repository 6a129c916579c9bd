import { EventEmitter } from "node:events"
import { connect } from "node:net"
import { describe, expect, it } from "vitest"
import { ClientConnections } from "../../../gateway/client-connections.ts"
import { graphOf } from "../graph.ts"
import { ask, raw, started } from "../support.ts"

const graph = graphOf([])
const patience = { headersMillis: 200, requestMillis: 400 }

class Connection extends EventEmitter {
  readonly remoteAddress: string
  constructor(remoteAddress: string) {
    super()
    this.remoteAddress = remoteAddress
  }
}

describe("the connections of one client", () => {
  const admitted = (connections: ClientConnections, addresses: readonly string[]) =>
    addresses.map((address) => connections.admit(new Connection(address)))

  it("are bounded, and others have room", () => {
    const connections = new ClientConnections(2)
    const first = new Connection("203.0.113.7")
    expect(connections.admit(first)).toBe(true)
    expect(admitted(connections, ["203.0.113.7", "203.0.113.7", "203.0.113.8"])).toEqual([
      true,
      false,
      true,
    ])
    first.emit("close")
    expect(admitted(connections, ["::ffff:203.0.113.7", "203.0.113.7"])).toEqual([true, false])
  })

  it("are those of its whole network where it has one for itself", () => {
    const same = ["2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"]
    expect(admitted(new ClientConnections(2), same)).toEqual([true, true, false])
    const others = ["2001:db8:1:2::1", "2001:db8:1:3::1", "2001:db8::1", "::2"]
    expect(admitted(new ClientConnections(1), others)).toEqual([true, true, true, true])
  })

  it("are not counted on this machine, where everybody has the same address", () => {
    const here = ["127.0.0.1", "127.0.0.1", "::1", "::1", "::ffff:127.0.0.1", "::ffff:127.0.0.1"]
    expect(admitted(new ClientConnections(1), here)).toEqual(here.map(() => true))
  })
})

describe("a client that takes its time", () => {
  it("is ended where its headers do not come, and the node goes on", async () => {
    const { url } = await started({ reads: graph.reads, patience })
    const { host } = new URL(url)
    const begun = `POST /graphql HTTP/1.1\r\nhost: ${host}\r\n`
    const slow = await Promise.all(Array.from({ length: 20 }, () => raw(url, begun)))
    for (const answer of slow) expect(answer).toMatch(/^HTTP\/1.1 408 /)
    expect((await ask(`${url}?query={__typename}`)).status).toBe(200)
  })

  it("is ended where it says nothing, and where it sends a letter now and then", async () => {
    const { url } = await started({ reads: graph.reads, patience })
    const { hostname, port } = new URL(url)
    await raw(url, "")
    const socket = connect(Number(port), hostname)
    const ended = new Promise((resolve) => socket.on("close", resolve))
    socket.on("error", () => undefined).resume()
    const dripping = setInterval(() => socket.write("G"), 20)
    await ended
    clearInterval(dripping)
  })

  it("is ended where its body does not come", async () => {
    const { url } = await started({ reads: graph.reads, patience })
    const { host } = new URL(url)
    const answer = await raw(
      url,
      `POST /graphql HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\n` +
        "content-length: 100\r\n\r\n{",
    )
    expect(answer).toMatch(/^HTTP\/1.1 408 /)
  })
})
