/**
 * Hears of commits that other processes made, so that whoever watches a tenant here is told of
 * them. A connection of its own; where it breaks it is made again, and all are told, since nobody
 * knows what was missed.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { retryMillisMax } from "../../../protocols/limits.ts"
import { type Connection, connect, disconnect, type PostgresAddress } from "./connection.ts"

export interface Heard {
  readonly tenant: (name: string) => void
  readonly everybody: () => void
}

export class Listener {
  readonly #address: PostgresAddress
  readonly #sender: string
  readonly #heard: Heard
  #connection: Connection | undefined
  #isClosed = false

  /** Notifications of `sender` itself are left out. */
  constructor(address: PostgresAddress, sender: string, heard: Heard) {
    this.#address = address
    this.#sender = sender
    this.#heard = heard
  }

  async start(): Promise<void> {
    const connection = await connect(this.#address)
    if (this.#isClosed) return disconnect(connection)
    this.#connection = connection
    const { client } = connection
    client.on("notification", ({ payload = "" }) => {
      const [sender, tenant = ""] = payload.split(" ")
      if (sender !== this.#sender) this.#heard.tenant(tenant)
    })
    try {
      await client.query(`LISTEN ${this.#address.schema}`)
    } catch (cause) {
      void disconnect(connection)
      throw cause
    }
    client.on("end", () => void this.#again())
  }

  /** A connection that is being made meanwhile is ended as soon as it is there. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#connection !== undefined) await disconnect(this.#connection)
  }

  async #again(): Promise<void> {
    while (!this.#isClosed) {
      await sleep(retryMillisMax, undefined, { ref: false })
      try {
        if (!this.#isClosed) await this.start()
        if (!this.#isClosed) this.#heard.everybody()
        return
      } catch {
        // The server is not there yet.
      }
    }
  }
}
