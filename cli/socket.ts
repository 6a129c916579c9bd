/**
 * How commands reach a node that runs in another process: a Unix socket beside its data.
 *
 * Promises: only this user can connect (mode 0600 in a folder of mode 0700); a request is one line
 * of at most `socketRequestBytesMax`, said within `socketRequestMillisMax`; at most
 * `socketConnectionsMax` are answered at once; rubbish is answered with one error and the
 * connection ends. What may fail beneath: the node dies while it answers; the client then says
 * `Unavailable`.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { createConnection, createServer, type Server, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { type IntelGraphError, Invalid, LimitExceeded, Unavailable } from "../protocols/errors.ts"
import {
  retryMillisMax,
  socketConnectionsMax,
  socketFrameBytesMax,
  socketPathBytesMax,
  socketRequestBytesMax,
  socketRequestMillisMax,
} from "../protocols/limits.ts"
import {
  Lines,
  readReply,
  readRequest,
  replyLine,
  type SocketReply,
  type SocketRequest,
} from "./socket-frames.ts"

export type Progress = (value: unknown) => void

export type AnswerRequest = (
  request: SocketRequest,
  progress: Progress,
) => Effect.Effect<unknown, IntelGraphError>

/**
 * Where the socket of a data directory is: in it, or in a folder of its own where that is too long.
 */
export const socketPlace = (dataDir: string): Effect.Effect<string, never, Scope.Scope> => {
  const beside = join(dataDir, "node.sock")
  if (Buffer.byteLength(beside, "utf8") <= socketPathBytesMax) return Effect.succeed(beside)
  return Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "intelgraph-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true })),
  ).pipe(Effect.map((folder) => join(folder, "node.sock")))
}

/** Listens until the scope closes. */
export const serveSocket = (
  path: string,
  answer: AnswerRequest,
): Effect.Effect<void, Unavailable, Scope.Scope> =>
  Effect.gen(function* () {
    const arrived = yield* Queue.dropping<Socket>(socketConnectionsMax)
    yield* Effect.acquireRelease(listen(path, arrived), (server) => close(server, path))
    const serveOne = Effect.flatMap(Queue.take(arrived), (socket) => converse(socket, answer))
    for (let worker = 0; worker < socketConnectionsMax; worker++) {
      yield* Effect.forkScoped(Effect.forever(serveOne))
    }
  })

function listen(path: string, arrived: Queue.Queue<Socket>): Effect.Effect<Server, Unavailable> {
  return Effect.callback((resume) => {
    // A socket that a killed node left behind: the lock of the data directory says nobody uses it.
    rmSync(path, { force: true })
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy())
      if (!Queue.offerUnsafe(arrived, socket)) socket.destroy()
    })
    server.once("error", (error) => resume(Effect.fail(unavailable(path, error.message))))
    server.listen(path, () => {
      chmodSync(path, 0o600)
      resume(Effect.succeed(server))
    })
  })
}

const close = (server: Server, path: string): Effect.Effect<void> =>
  Effect.sync(() => {
    server.close()
    rmSync(path, { force: true })
  })

const converse = (socket: Socket, answer: AnswerRequest): Effect.Effect<void> =>
  requestOf(socket).pipe(
    Effect.flatMap((request) => answer(request, (value) => say(socket, { progress: value }))),
    Effect.map((result): SocketReply => ({ result: result ?? null })),
    Effect.catch((error) => Effect.succeed<SocketReply>({ error })),
    Effect.flatMap((reply) => Effect.sync(() => say(socket, reply))),
    Effect.ensuring(Effect.sync(() => socket.end())),
  )

/** Progress is left out where the client does not read; a result is never left out. */
function say(socket: Socket, reply: SocketReply): void {
  if (socket.destroyed) return
  if ("progress" in reply && socket.writableNeedDrain) return
  const line = replyLine(reply)
  const bytes = Buffer.byteLength(line, "utf8")
  socket.write(bytes <= socketFrameBytesMax ? line : replyLine({ error: tooLong(bytes) }))
}

const tooLong = (bytes: number) =>
  new LimitExceeded({
    limit: "socketFrameBytesMax",
    bound: socketFrameBytesMax,
    value: bytes,
    message: `The answer has ${bytes} bytes; at most ${socketFrameBytesMax} fit.`,
  })

const requestOf = (socket: Socket): Effect.Effect<SocketRequest, Invalid> =>
  Effect.callback<SocketRequest, Invalid>((resume) => {
    const lines = new Lines(socketRequestBytesMax)
    const end = (message: string) => resume(Effect.fail(new Invalid({ what: "request", message })))
    socket.setTimeout(socketRequestMillisMax, () => end("No request came in time."))
    socket.once("close", () => end("The connection ended before its request."))
    socket.on("data", (chunk: Buffer) => {
      const whole = lines.take(chunk)
      if (whole === undefined) return end(`A request has at most ${socketRequestBytesMax} bytes.`)
      const [line] = whole
      if (line === undefined) return
      socket.setTimeout(0)
      const request = readRequest(line)
      if (request === undefined) return end('A request is one line of JSON: {"op": …}.')
      resume(Effect.succeed(request))
    })
  })

/** Says one request to the node behind `path` and waits for its answer. */
export const callSocket = (
  path: string,
  request: SocketRequest,
  progress: Progress = () => undefined,
): Effect.Effect<unknown, IntelGraphError> =>
  Effect.callback<unknown, IntelGraphError>((resume) => {
    const lines = new Lines(socketFrameBytesMax)
    const socket = createConnection(path, () => socket.write(`${JSON.stringify(request)}\n`))
    const gone = (why: string) => resume(Effect.fail(unavailable(path, why)))
    socket.once("error", (error) => gone(error.message))
    socket.once("close", () => gone("it ended before it answered"))
    socket.on("data", (chunk: Buffer) => {
      for (const line of lines.take(chunk) ?? [""]) {
        const reply = readReply(line)
        if (reply === undefined) gone("it said something else than a reply")
        else if ("progress" in reply) progress(reply.progress)
        else if ("result" in reply) resume(Effect.succeed(reply.result))
        else resume(Effect.fail(reply.error))
      }
    })
    return Effect.sync(() => socket.destroy())
  })

const unavailable = (path: string, why: string) =>
  new Unavailable({
    retryAfterMillis: retryMillisMax,
    message: `The node behind ${path} does not answer: ${why}.`,
  })
