/**
 * Subscribers over bare TCP, one socket each: they look at a frame's length and at the number in
 * it, so that what is measured is the server. Arguments: port, how many, how many of them read
 * nothing.
 */
import { connect, type Socket } from "node:net"
import {
  answerParent,
  type Hear,
  type Judge,
  type Judged,
  nowMillis,
  numberLength,
  subscription,
} from "./fanout-child.ts"

const [port = 0, count = 0, stalled = 0] = process.argv.slice(2).map(Number)

let awaited = 0
let heard = 0
let report: (() => void) | undefined
let blocks = new Float64Array(0)
let arrivals = new Float64Array(0)
const mark = Buffer.from('"name":"')

function hear(body: Buffer): void {
  const at = body.indexOf(mark) + mark.length
  if (at < mark.length || awaited === 0) return
  blocks[heard] = Number(body.toString("latin1", at, at + numberLength))
  arrivals[heard] = nowMillis()
  heard += 1
  if (heard === awaited) report?.()
}

const request = [
  "GET /graphql HTTP/1.1",
  `Host: 127.0.0.1:${port}`,
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol: graphql-transport-ws",
  "\r\n",
].join("\r\n")

const ping = 0x89
const pong = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])

/** Masked with zeros. */
function frameOf(message: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(message))
  const header = Buffer.from([0x81, 0x80 | 126, text.length >> 8, text.length & 255, 0, 0, 0, 0])
  return Buffer.concat([header, text])
}

const none = Buffer.alloc(0)

/** What a socket has read, looked at before another reads: no memory is taken for each read. */
const read = Buffer.alloc(64 * 1024)

function listen(id: string, { readsNothing }: { readonly readsNothing: boolean }): Promise<Socket> {
  let rest = none
  let isUpgraded = false
  let isSubscribed = false
  return new Promise((resolve) => {
    const take = (length: number) => {
      let bytes = read.subarray(0, length)
      if (rest.length > 0) bytes = Buffer.concat([rest, bytes])
      if (!isUpgraded) {
        const end = bytes.indexOf("\r\n\r\n")
        if (end < 0) throw new Error("The answer to the upgrade came in pieces.")
        isUpgraded = true
        socket.write(frameOf({ type: "connection_init" }))
        bytes = bytes.subarray(end + 4)
      }
      for (let end = endOfFrame(bytes); end > 0; end = endOfFrame(bytes)) {
        if (bytes[0] === ping) socket.write(pong)
        else if (isSubscribed) hear(bytes.subarray(0, end))
        else subscribe()
        bytes = bytes.subarray(end)
      }
      rest = bytes.length > 0 ? Buffer.from(bytes) : none
      return !(isSubscribed && readsNothing)
    }
    const subscribe = () => {
      isSubscribed = true
      socket.write(frameOf({ id, type: "subscribe", payload: { query: subscription } }))
      resolve(socket)
    }
    const onread = { buffer: read, callback: take }
    const socket = connect({ port, host: "127.0.0.1", onread })
    socket.on("connect", () => socket.write(request))
  })
}

/** 0 where the frame is not there whole. */
function endOfFrame(bytes: Buffer): number {
  const short = (bytes[1] ?? 0) & 127
  const head = short === 127 ? 10 : short === 126 ? 4 : 2
  if (bytes.length < head) return 0
  const long = short === 126 ? bytes.readUInt16BE(2) : short
  const length = short === 127 ? bytes.readUInt32BE(6) : long
  return bytes.length >= head + length ? head + length : 0
}

const quantile = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

const hearAll = ({ messages }: Hear): Promise<"heard"> =>
  new Promise((resolve) => {
    awaited = messages
    heard = 0
    blocks = new Float64Array(messages)
    arrivals = new Float64Array(messages)
    report = () => resolve("heard")
  })

function judge({ committedMillis }: Judge): Judged {
  const late = arrivals.map((at, i) => at - (committedMillis[blocks[i] ?? 0] ?? Number.NaN)).sort()
  return { p50Millis: quantile(late, 0.5), p95Millis: quantile(late, 0.95) }
}

answerParent(async (asked: Hear | Judge) => ("messages" in asked ? hearAll(asked) : judge(asked)))
for (let i = 0; i < count; i++) {
  const id = `00000000-0000-4000-8000-${String(i).padStart(12, "0")}`
  await listen(id, { readsNothing: i < stalled })
}
// The last subscription is on its way; the server has it before the first change.
setTimeout(() => process.send?.("listening"), 500)
