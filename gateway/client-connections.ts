/**
 * Bounds the connections of one client address, so that one client does not take all of them.
 * Loopback is not bounded: there everybody has the same address, and so has a proxy.
 */
import { isLoopback } from "./door.ts"

/** What is needed of a socket. */
interface Connection {
  readonly remoteAddress?: string | undefined
  readonly once: (event: "close", listener: () => void) => unknown
}

export class ClientConnections {
  readonly #max: number
  readonly #open = new Map<string, number>()

  constructor(max: number) {
    this.#max = max
  }

  /** Whether one more is let in; counted until its socket closes. */
  admit(socket: Connection): boolean {
    const client = clientOf(socket.remoteAddress ?? "")
    if (client === undefined) return true
    const open = this.#open.get(client) ?? 0
    if (open >= this.#max) return false
    this.#open.set(client, open + 1)
    socket.once("close", () => this.#closed(client))
    return true
  }

  #closed(client: string): void {
    const open = (this.#open.get(client) ?? 1) - 1
    if (open > 0) this.#open.set(client, open)
    else this.#open.delete(client)
  }
}

/** An IPv4 address, or the 64 bits of an IPv6 one that a client has for itself. */
function clientOf(address: string): string | undefined {
  const plain = address.startsWith("::ffff:") ? address.slice(7) : address
  if (plain === "" || isLoopback(plain)) return undefined
  if (!plain.includes(":")) return plain
  const [head = "", tail = ""] = plain.split("::")
  const groups = (part: string) => (part === "" ? [] : part.split(":"))
  const missing = plain.includes("::") ? 8 - groups(head).length - groups(tail).length : 0
  const zeros = Array.from({ length: missing }, () => "0")
  return [...groups(head), ...zeros, ...groups(tail)].slice(0, 4).join(":")
}
