/**
 * A client that costs little: requests made beforehand, sent over connections that are kept, each
 * answer read to its end before the next request goes out over the same one.
 */
import { once } from "node:events"
import { connect, type Socket } from "node:net"

/** One request as it goes over the wire. */
export interface Shot {
  readonly bytes: Buffer
  /** What the answer's status must be. */
  readonly status: number
}

const connectionsMax = 16
const headEnd = Buffer.from("\r\n\r\n")

/** Connections to one server. */
export class Gunner {
  readonly #guns: readonly Gun[]

  private constructor(guns: readonly Gun[]) {
    this.#guns = guns
  }

  static async open(port: number): Promise<Gunner> {
    const open = () => Gun.open(port)
    return new Gunner(await Promise.all(Array.from({ length: connectionsMax }, open)))
  }

  /** Sends `count` requests, the shots in turn; throws where an answer has another status. */
  async fire(shots: readonly Shot[], count: number): Promise<void> {
    let sent = 0
    const next = () => (sent < count ? shots[sent++ % shots.length] : undefined)
    await Promise.all(this.#guns.map((gun) => gun.fire(next)))
  }
}

class Gun {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #waiting: Shot | undefined
  #next: () => Shot | undefined = () => undefined
  #done: () => void = () => undefined
  #fail: (error: Error) => void = () => undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on("data", (part: Buffer) => this.#read(part))
    socket.on("error", (error) => this.#fail(error))
    socket.on("close", () => this.#fail(new Error("the server closed the connection")))
  }

  static async open(port: number): Promise<Gun> {
    const socket = connect(port, "127.0.0.1")
    await once(socket, "connect")
    return new Gun(socket)
  }

  fire(next: () => Shot | undefined): Promise<void> {
    if (this.#socket.destroyed) throw new Error("the server closed an idle connection")
    this.#next = next
    return new Promise((resolve, reject) => {
      this.#done = resolve
      this.#fail = reject
      this.#go()
    })
  }

  #go(): void {
    this.#waiting = this.#next()
    if (this.#waiting === undefined) this.#done()
    else this.#socket.write(this.#waiting.bytes)
  }

  #read(part: Buffer): void {
    const received = this.#received.length === 0 ? part : Buffer.concat([this.#received, part])
    this.#received = received
    const length = lengthOfAnswer(received)
    if (length === undefined || received.length < length) return
    this.#received = Buffer.alloc(0)
    const status = Number(received.toString("latin1", 9, 12))
    if (status !== this.#waiting?.status || received.length > length) {
      this.#fail(new Error(`not what was asked: ${received.toString("utf8", 0, 2000)}`))
    } else this.#go()
  }
}

/** Bytes of head and body; `undefined` until the head is complete. */
function lengthOfAnswer(bytes: Buffer): number | undefined {
  const end = bytes.indexOf(headEnd)
  if (end < 0) return undefined
  const head = bytes.toString("latin1", 0, end).toLowerCase()
  if (head.startsWith("http/1.1 304")) return end + headEnd.length
  const at = head.indexOf("\r\ncontent-length:")
  if (at < 0) throw new Error("an answer without content-length")
  return end + headEnd.length + Number.parseInt(head.slice(at + 17), 10)
}

/** The answer to one shot, as head and body. */
export async function ask(port: number, { bytes }: Shot): Promise<Buffer> {
  const socket = connect(port, "127.0.0.1")
  socket.write(bytes)
  let received = Buffer.alloc(0)
  for await (const part of socket) {
    received = Buffer.concat([received, part as Buffer])
    const length = lengthOfAnswer(received)
    if (length !== undefined && received.length >= length) break
  }
  return received
}
