import { mkdtempSync, rmSync, statSync } from "node:fs"
import { createConnection } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { type AnswerRequest, callSocket, serveSocket, socketPlace } from "../../cli/socket.ts"
import { Lines, readReply, readRequest, replyLine } from "../../cli/socket-frames.ts"
import { catalogue, MailboxFull, NotFound, Unavailable } from "../../protocols/errors.ts"
import {
  socketConnectionsMax,
  socketFrameBytesMax,
  socketPathBytesMax,
  socketRequestBytesMax,
} from "../../protocols/limits.ts"
import { errorOfPlain } from "../../protocols/travelling-error.ts"
import { run } from "../support/run.ts"
import { runScoped } from "../support/scoped.ts"

const root = mkdtempSync(join(tmpdir(), "intelgraph-socket-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let sockets = 0

async function serving(answer: AnswerRequest): Promise<string> {
  const path = join(root, `${sockets++}.sock`)
  await runScoped(serveSocket(path, answer))
  return path
}

const echo: AnswerRequest = (request) => Effect.succeed(request)
const failureOf = (path: string, op = "x") => run(Effect.flip(callSocket(path, { op })))

/** What the server says to these raw bytes until it ends the connection. */
const said = (path: string, bytes: string | Buffer) =>
  new Promise<string>((resolve) => {
    let text = ""
    const socket = createConnection(path, () => socket.write(bytes))
    socket.on("data", (chunk) => {
      text += chunk.toString("utf8")
    })
    socket.on("error", () => undefined)
    socket.on("close", () => resolve(text))
  })

describe("the node's own socket", () => {
  it("answers one request, with progress before its result", async () => {
    const path = await serving((request, progress) =>
      Effect.sync(() => {
        progress(1)
        progress({ two: 2 })
        return { op: request.op, file: request.file }
      }),
    )
    const seen: unknown[] = []
    const call = callSocket(path, { op: "ingest", file: "é\n" }, (value) => seen.push(value))
    expect(await run(call)).toEqual({ op: "ingest", file: "é\n" })
    expect(seen).toEqual([1, { two: 2 }])
  })

  it("answers also where there is nothing to say", async () => {
    expect(await run(callSocket(await serving(() => Effect.void), { op: "x" }))).toBe(null)
  })

  it("is for its owner only", async () => {
    expect(statSync(await serving(echo)).mode & 0o777).toBe(0o600)
  })

  it("gives an expected failure back as it was", async () => {
    const path = await serving(() => Effect.fail(new NotFound({ what: "x", message: "Gone." })))
    expect(await failureOf(path)).toEqual(new NotFound({ what: "x", message: "Gone." }))
  })

  it.each([["rubbish\n"], ["[]\n"], ['{"op": 1}\n'], ["null\n"], ["\n"], ["\u0000\u00ff\n"]])(
    "answers %j with one error and ends the connection",
    async (bytes) => {
      const path = await serving(echo)
      const reply = readReply((await said(path, bytes)).trimEnd())
      expect(reply).toMatchObject({ error: { _tag: "Invalid" } })
      expect(await run(callSocket(path, { op: "still here" }))).toEqual({ op: "still here" })
    },
  )

  it("ends a request that is longer than the bound, with or without a line's end", async () => {
    const path = await serving(echo)
    for (const end of ["", "\n"]) {
      const text = await said(path, `${"x".repeat(socketRequestBytesMax + 1)}${end}`)
      expect(text).toContain("at most")
    }
  })

  it("says that an answer does not fit instead of sending it", async () => {
    const path = await serving(() => Effect.succeed("x".repeat(socketFrameBytesMax)))
    expect(await failureOf(path)).toMatchObject({ _tag: "LimitExceeded" })
  })

  it("answers several at once, each its own, also more than it has workers", async () => {
    const path = await serving(echo)
    const calls = Array.from({ length: socketConnectionsMax }, (_, n) =>
      run(callSocket(path, { op: String(n) })),
    )
    expect(await Promise.all(calls)).toEqual(
      Array.from({ length: socketConnectionsMax }, (_, n) => ({ op: String(n) })),
    )
  })

  it("tells a caller that nobody is there", async () => {
    expect(await failureOf(join(root, "nobody.sock"))).toBeInstanceOf(Unavailable)
  })

  it("moves to the temporary folder where the data directory's path is long", async () => {
    expect(await runScoped(socketPlace("/data"))).toBe("/data/node.sock")
    const far = `/${"d".repeat(socketPathBytesMax)}`
    const place = await runScoped(socketPlace(far))
    expect(Buffer.byteLength(place)).toBeLessThanOrEqual(socketPathBytesMax)
    expect(statSync(join(place, "..")).mode & 0o777).toBe(0o700)
  })
})

describe("frames", () => {
  it("are the same lines from any chunks", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.nat({ max: 40 })), (texts, cuts) => {
        const lines = texts.map((text) => JSON.stringify(text))
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""), "utf8")
        const reader = new Lines(1024 ** 2)
        const read: string[] = []
        let at = 0
        for (const cut of [...cuts, bytes.length]) {
          read.push(...(reader.take(bytes.subarray(at, at + cut)) ?? ["too long"]))
          at += cut
        }
        expect(read).toEqual(lines)
      }),
    )
  })

  it("end at the bound, not after it", () => {
    expect(new Lines(3).take(Buffer.from("abc\n"))).toEqual(["abc"])
    expect(new Lines(3).take(Buffer.from("abcd\n"))).toBeUndefined()
    expect(new Lines(3).take(Buffer.from("abcd"))).toBeUndefined()
    const slow = new Lines(3)
    expect([slow.take(Buffer.from("ab")), slow.take(Buffer.from("cd"))]).toEqual([[], undefined])
  })

  it("are understood or not, and never throw", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        readRequest(line)
        readReply(line)
      }),
    )
  })

  it("carry every error of the catalogue with its class and sentence", () => {
    for (const code of Object.keys(catalogue)) {
      expect(errorOfPlain({ _tag: code, message: "Why." })).toMatchObject({
        _tag: code,
        message: "Why.",
      })
    }
    expect(errorOfPlain({ _tag: "__proto__", message: "" })).toBeUndefined()
    expect(errorOfPlain({ _tag: "invariant", message: "" })).toBeUndefined()
    const error = new MailboxFull({
      message: "Full.",
      mailbox: "demo/0",
      limit: "blocks",
      retryAfterMillis: 5,
    })
    expect(readReply(replyLine({ error }).trimEnd())).toEqual({ error })
  })
})
