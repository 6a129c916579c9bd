/**
 * Faults of a network between processes of one machine: a link is a port that passes bytes on to a
 * server. Held bytes are not lost: they arrive, in order, when the link is healed, as TCP has it
 * after a partition; so do ends of connections. What differs from a partition: a new connection is
 * accepted, and then hears nothing.
 */
import { connect, createServer, type Server as Listener, type Socket } from "node:net"
import { freePorts } from "./ports.ts"

/** `forth` is from who connects to the server, `back` from the server. */
export type Direction = "forth" | "back"

/** Bytes that a direction holds; further ones wait with their sender. */
const heldBytesMax = 256 * 1024

export class Link {
  /** Where to connect instead of to the server. */
  readonly url: string
  readonly port: number
  readonly #server: URL
  readonly #listener: Listener
  readonly #pipes = new Set<Pipe>()
  readonly #held = new Set<Direction>()
  #delayMillis = 0
  #taken = 0

  private constructor(serverUrl: string, port: number) {
    this.#server = new URL(serverUrl)
    const own = new URL(serverUrl)
    own.port = `${port}`
    this.url = own.href.replace(/\/$/, "")
    this.port = port
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    )
  }

  /** A link to the server of a URL, on a free port; it ends with this process, or at `close`. */
  static async open(serverUrl: string): Promise<Link> {
    const [port = 0] = await freePorts(1)
    const link = new Link(serverUrl, port)
    await new Promise<void>((resolve, reject) => {
      link.#listener.once("error", reject)
      link.#listener.listen({ host: "127.0.0.1", port }, resolve)
    })
    link.#listener.unref()
    return link
  }

  /** Connections that lead through it. */
  get connections(): number {
    return this.#pipes.size / 2
  }

  /** Those that it ever took. */
  get connectionsTaken(): number {
    return this.#taken
  }

  /** Lets nothing through, both ways unless told. */
  hold(...directions: readonly Direction[]): void {
    const all: readonly Direction[] = ["forth", "back"]
    for (const one of directions.length > 0 ? directions : all) this.#held.add(one)
  }

  /** Delays all that passes, each way. */
  slow(millis: number): void {
    this.#delayMillis = millis
  }

  /** Lets everything through at once, what was held first. */
  heal(): void {
    this.#held.clear()
    this.#delayMillis = 0
    for (const pipe of this.#pipes) pipe.pass()
  }

  /** Resets every connection, as when the other machine is gone; new ones are accepted. */
  break(): void {
    for (const pipe of this.#pipes) pipe.reset()
  }

  close(): void {
    this.#listener.close()
    this.break()
  }

  #accept(client: Socket): void {
    this.#taken++
    const { hostname, port } = this.#server
    const server = connect({
      host: hostname,
      port: Number(port),
      allowHalfOpen: true,
      noDelay: true,
    })
    const ways = [
      ["forth", client, server],
      ["back", server, client],
    ] as const
    for (const [direction, from, to] of ways) {
      const pipe = new Pipe(from, to, () => this.#dueMillis(direction))
      this.#pipes.add(pipe)
      from.once("close", () => this.#pipes.delete(pipe))
    }
  }

  /** How long what arrives now is to wait; without end where the direction is held. */
  #dueMillis(direction: Direction): number {
    return this.#held.has(direction) ? Number.POSITIVE_INFINITY : this.#delayMillis
  }
}

/** What has arrived and waits: bytes, or the end of them. */
interface Waiting {
  readonly bytes: Buffer | "end" | "reset"
  readonly at: number
}

/** One direction of one connection. */
class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  readonly #dueMillis: () => number
  readonly #waiting: Waiting[] = []
  #heldBytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket, dueMillis: () => number) {
    this.#from = from
    this.#to = to
    this.#dueMillis = dueMillis
    from.on("data", (bytes: Buffer) => this.#take(bytes))
    from.on("end", () => this.#take("end"))
    from.on("error", () => this.#take("reset"))
    to.on("drain", () => this.pass())
  }

  reset(): void {
    clearTimeout(this.#timer)
    this.#from.resetAndDestroy()
    this.#to.resetAndDestroy()
  }

  /** Passes on what has waited long enough. */
  pass(): void {
    clearTimeout(this.#timer)
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const millis = first.at + this.#dueMillis() - Date.now()
      if (millis > 0) return this.#later(millis)
      if (this.#to.writableNeedDrain) return
      this.#waiting.shift()
      this.#give(first.bytes)
    }
    this.#from.resume()
  }

  #take(bytes: Waiting["bytes"]): void {
    this.#waiting.push({ bytes, at: Date.now() })
    if (typeof bytes !== "string") this.#heldBytes += bytes.length
    if (this.#heldBytes > heldBytesMax) this.#from.pause()
    this.pass()
  }

  #give(bytes: Waiting["bytes"]): void {
    if (bytes === "reset") this.#to.resetAndDestroy()
    else if (bytes === "end") this.#to.end()
    else {
      this.#heldBytes -= bytes.length
      this.#to.write(bytes)
    }
  }

  #later(millis: number): void {
    if (millis === Number.POSITIVE_INFINITY) return
    this.#timer = setTimeout(() => this.pass(), millis)
    this.#timer.unref()
  }
}
