/** Bare sockets that are written as many bytes each: the floor of what telling many takes. */
import { createServer, type Socket } from "node:net"
import { textFrame } from "../../gateway/live/frame.ts"
import { nameOf, type Publish, publishBlocks, servePublisher } from "./fanout-child.ts"

const subscribers = new Set<Socket>()
const answers = ["HTTP/1.1 101 Switching Protocols\r\n\r\n", textFrame("{}")]

const server = createServer((socket) => {
  let told = 0
  socket.on("data", () => {
    const answer = answers[told++]
    if (answer === undefined) subscribers.add(socket)
    else socket.write(answer)
  })
  socket.on("close", () => subscribers.delete(socket))
})

/** About as long as one of `fanout-ours.ts`. */
const messageOf = (name: string): string => JSON.stringify({ name, rest: "x".repeat(220) })

const publish = (asked: Publish) =>
  publishBlocks(asked, async (block) => {
    const frame = textFrame(messageOf(nameOf(block, asked.textLength)))
    // A change is known from here on, as a commit's is.
    setImmediate(() => {
      for (const socket of subscribers) socket.write(Buffer.from(frame))
    })
  })

server.listen(0, "127.0.0.1", () => {
  servePublisher((server.address() as { readonly port: number }).port, publish)
})
