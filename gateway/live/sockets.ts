/** Takes WebSocket upgrades at `/graphql`, and keeps the sockets alive. */
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { CloseCode, handleProtocols } from "graphql-ws"
import { type WebSocket, WebSocketServer } from "ws"
import { liveHeartbeatMillis, liveMessageBytesMax } from "../../protocols/limits.ts"
import type { Access } from "../access/access.ts"
import type { Live } from "./live.ts"
import { LiveSocket } from "./socket.ts"

export interface SocketsOptions {
  readonly live: Live
  /** By the header `Authorization`, or without one where the node is open. */
  readonly authenticate: (header: string | undefined) => Access | undefined
}

export class Sockets {
  readonly #options: SocketsOptions
  readonly #server: WebSocketServer
  readonly #sockets = new Set<LiveSocket>()
  #beating: NodeJS.Timeout | undefined

  constructor(options: SocketsOptions) {
    this.#options = options
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: liveMessageBytesMax,
      handleProtocols: (offered) => handleProtocols(offered),
    })
  }

  /** Who asks is known, or says so in `connection_init`. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, access: Access | undefined): void {
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      if (webSocket.protocol === "") {
        webSocket.on("error", () => undefined)
        const code = CloseCode.SubprotocolNotAcceptable
        return webSocket.close(code, "This node speaks graphql-transport-ws.")
      }
      this.#keep(webSocket, socket, access)
    })
  }

  #keep(webSocket: WebSocket, socket: Duplex, access: Access | undefined): void {
    const { live, authenticate } = this.#options
    const kept = new LiveSocket({ live, webSocket, socket, access, authenticate })
    this.#sockets.add(kept)
    this.#beating ??= setInterval(() => this.#beat(), liveHeartbeatMillis)
    webSocket.on("close", () => {
      this.#sockets.delete(kept)
      if (this.#sockets.size > 0) return
      clearInterval(this.#beating)
      this.#beating = undefined
    })
  }

  #beat(): void {
    for (const socket of this.#sockets) socket.beat()
  }
}
