/** A WebSocket over bare TCP, which can leave what comes in the system's buffers. */
import { randomBytes } from "node:crypto"
import { connect, type Socket } from "node:net"
import { onTestFinished } from "vitest"
import type { Change } from "./client.ts"
import { until } from "./world.ts"

export class RawSocket {
  readonly #socket: Socket
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  readonly #texts: string[] = []
  #bytes = Buffer.alloc(0)
  #isUpgraded = false
  eventsRead = 0

  static async open(url: string): Promise<RawSocket> {
    const raw = new RawSocket(new URL(url))
    await until(() => raw.#isUpgraded)
    raw.send({ type: "connection_init" })
    await until(() => raw.#texts.length === 1)
    return raw
  }

  private constructor({ hostname, port, pathname }: URL) {
    const { promise, resolve } = Promise.withResolvers<{ code: number; reason: string }>()
    this.closed = promise
    this.#socket = connect(Number(port), hostname)
    onTestFinished(() => void this.#socket.destroy())
    this.#socket.on("error", () => undefined)
    this.#socket.on("data", (bytes) => {
      this.#bytes = Buffer.concat([this.#bytes, Buffer.from(bytes)])
      this.#read(resolve)
    })
    this.#socket.write(
      [
        `GET ${pathname} HTTP/1.1`,
        `Host: ${hostname}:${port}`,
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
        "Sec-WebSocket-Protocol: graphql-transport-ws",
        "\r\n",
      ].join("\r\n"),
    )
  }

  async subscribe(query: string): Promise<void> {
    this.send({ id: "1", type: "subscribe", payload: { query } })
  }

  stopReading(): void {
    this.#socket.pause()
  }

  read(): void {
    this.#socket.resume()
  }

  changes(): readonly Change[] {
    return this.#texts
      .map((text) => JSON.parse(text))
      .filter(({ type }) => type === "next")
      .map(({ payload }) => payload.data.entityChanged)
  }

  /** With a mask of zeros, which is a mask. */
  send(message: unknown): void {
    const text = Buffer.from(JSON.stringify(message))
    const header = Buffer.alloc(8)
    header[0] = 0x81
    header[1] = 0x80 | 126
    header.writeUInt16BE(text.length, 2)
    this.#socket.write(Buffer.concat([header, text]))
  }

  #read(close: (how: { code: number; reason: string }) => void): void {
    if (!this.#isUpgraded) {
      const end = this.#bytes.indexOf("\r\n\r\n")
      if (end < 0) return
      this.#isUpgraded = true
      this.#bytes = this.#bytes.subarray(end + 4)
    }
    for (;;) {
      const frame = frameOf(this.#bytes)
      if (frame === undefined) return
      this.#bytes = this.#bytes.subarray(frame.end)
      if (frame.opcode === 8) {
        close({ code: frame.body.readUInt16BE(0), reason: String(frame.body.subarray(2)) })
      }
      if (frame.opcode !== 1) continue
      this.#texts.push(String(frame.body))
      if (frame.body.includes('"type":"next"')) this.eventsRead += 1
    }
  }
}

function frameOf(bytes: Buffer) {
  const short = (bytes[1] ?? 0) & 127
  const at = short === 127 ? 10 : short === 126 ? 4 : 2
  if (bytes.length < at) return undefined
  const length =
    short === 127 ? bytes.readUInt32BE(6) : short === 126 ? bytes.readUInt16BE(2) : short
  if (bytes.length < at + length) return undefined
  return { opcode: (bytes[0] ?? 0) & 15, body: bytes.subarray(at, at + length), end: at + length }
}
