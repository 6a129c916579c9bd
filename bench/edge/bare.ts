/** Bare `node:http` that answers with bytes which it was told before: the floor of what is paid. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { idleMillisMax, serveParent } from "./contestant-child.ts"

export interface Told {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: string
}

let replies: readonly Told[] = []
let sent = 0

const server = createServer((request, response) => {
  const answer = () => {
    const reply = replies[sent++ % replies.length]
    if (reply === undefined) throw new Error("nothing to answer with")
    response.writeHead(reply.status, reply.headers as string[])
    if (reply.status === 304) response.end()
    else response.end(reply.body)
  }
  if (request.method === "GET") return answer()
  request.on("data", () => undefined)
  request.on("end", answer)
})

server.keepAliveTimeout = idleMillisMax
server.listen(0, "127.0.0.1", () => {
  serveParent(server.address() as AddressInfo, (said) => {
    replies = said as readonly Told[]
    sent = 0
  })
})
