/** What a thread's connections write in one turn of the event loop. */
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { setImmediate as turn } from "node:timers/promises"
import { connect as connectTls, createServer as createTlsServer } from "node:tls"
import { afterAll, beforeAll, expect, it } from "vitest"
import { neo4jBytesTogether } from "../../protocols/limits.ts"
import { gatherWrites } from "../../stores/adapters/neo4j/gathered-writes.ts"
import { makeCertificate } from "../support/certificate.ts"

const piece = 1_400
const server = createServer()

beforeAll(async () => {
  gatherWrites()
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
})

afterAll(() => void server.close())

async function pair(): Promise<readonly [mine: Socket, theirs: Socket]> {
  const accepted = once(server, "connection")
  const mine = connect((server.address() as AddressInfo).port, "127.0.0.1")
  await once(mine, "connect")
  const [theirs] = await accepted
  return [mine, theirs as Socket]
}

/** Calls of the system so far, by what they take. */
function calls(socket: Socket) {
  const { _handle: handle } = socket as unknown as { readonly _handle: Record<string, unknown> }
  const counts = { writeBuffer: 0, writev: 0 }
  for (const name of ["writeBuffer", "writev"] as const) {
    const call = handle[name] as (...of: unknown[]) => unknown
    handle[name] = (...of: unknown[]) => {
      counts[name]++
      return Reflect.apply(call, handle, of)
    }
  }
  return counts
}

async function received(socket: Socket, length: number): Promise<Buffer> {
  let bytes = Buffer.alloc(0)
  for await (const part of socket) {
    bytes = Buffer.concat([bytes, part as Buffer])
    if (bytes.length >= length) break
  }
  return bytes
}

const pieces = (count: number) =>
  Array.from({ length: count }, (_, i) => Buffer.alloc(piece, i % 251))

it("leaves together, in its order, once the turn is over", async () => {
  const [mine, theirs] = await pair()
  const counts = calls(mine)
  const sent = pieces(20)
  for (const one of sent) mine.write(one)
  expect(counts).toEqual({ writeBuffer: 0, writev: 0 })
  await turn()
  expect(counts).toEqual({ writeBuffer: 0, writev: 1 })
  expect(await received(theirs, 20 * piece)).toEqual(Buffer.concat(sent))
  mine.destroy()
})

it("leaves before that where it is much", async () => {
  const [mine, theirs] = await pair()
  const counts = calls(mine)
  const sent = pieces(Math.ceil(neo4jBytesTogether / piece))
  for (const one of sent) mine.write(one)
  expect(counts.writev).toBe(1)
  const all = Buffer.concat(sent)
  expect(await received(theirs, all.length)).toEqual(all)
  mine.destroy()
})

it("is whole where the connection is ended in the same turn", async () => {
  const [mine, theirs] = await pair()
  const counts = calls(mine)
  mine.write("first")
  mine.end("last")
  expect((await received(theirs, 9)).toString()).toBe("firstlast")
  expect(counts).toEqual({ writeBuffer: 0, writev: 1 })
})

it("is left as it is over TLS", async () => {
  const certificate = makeCertificate("localhost")
  const tls = createTlsServer(certificate)
  tls.listen(0, "127.0.0.1")
  await once(tls, "listening")
  const { port } = tls.address() as AddressInfo
  const mine = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false })
  await once(mine, "secureConnect")
  expect(Object.hasOwn(mine, "write")).toBe(false)
  mine.destroy()
  tls.close()
})
