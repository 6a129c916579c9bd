/**
 * `POST /ingest`: records as a body of any length, straight into the spool.
 *
 *     POST /ingest?source=people&format=csv&mapping=…&waitMillis=…
 *     Idempotency-Key: monday
 *     Accept: application/x-ndjson     for lines {"progress": …} and then {"receipt": …}
 *
 * Promises: nothing of a body that did not come whole is kept; what came whole is taken for good
 * before a byte is answered, and is finished also where the client goes away then. Bounded in
 * bytes, in time without progress and in all, and in number per tenant. gzip is taken as it comes.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Effect from "effect/Effect"
import type { Arriving, SourceFormat, WriteReceipt, WritesShape } from "../../actors/index.ts"
import { Invalid, MailboxFull } from "../../protocols/errors.ts"
import {
  receiptWaitMillisDefault,
  retryMillisMax,
  uploadBytesMax,
  uploadMillisMax,
  uploadStallMillisMax,
  uploadsMax,
  uploadsPerTenantMax,
  uploadTellMillis,
} from "../../protocols/limits.ts"
import { tenantOf } from "../access/access.ts"
import type { Audit } from "../access/audit.ts"
import { run } from "../bridge.ts"
import { checkUrlLength, HttpRefusal } from "../graphql-http.ts"
import { jsonType, reply, securityHeaders } from "../reply.ts"
import type { Exchange } from "../routes.ts"
import { audited } from "./audited.ts"
import { checkedWait, checkedWrite, nobodyWrites, untold } from "./request.ts"
import { shownProgress, shownReceipt, shownUntold } from "./show.ts"

/** Shorter in tests; the limits of like names otherwise. */
export interface UploadTimes {
  readonly stallMillis: number
  readonly allMillis: number
}

const timesOfLimits: UploadTimes = { stallMillis: uploadStallMillisMax, allMillis: uploadMillisMax }

export interface UploadsParts {
  readonly writes: WritesShape | undefined
  readonly audit?: Audit | undefined
  readonly times?: UploadTimes | undefined
}

/** The uploads of one edge. */
export class Uploads {
  readonly #parts: UploadsParts
  readonly #times: UploadTimes
  readonly #arriving = new Map<string, number>()
  #all = 0
  readonly #sockets = new WeakSet<object>()
  #isEnding = false

  constructor(parts: UploadsParts) {
    this.#parts = parts
    this.#times = parts.times ?? timesOfLimits
  }

  /** Whether an upload arrives here, which has bounds of time of its own. */
  arrivesAt(socket: object): boolean {
    return this.#sockets.has(socket)
  }

  /** Who is told of progress gets the receipt as it stands. */
  end(): void {
    this.#isEnding = true
  }

  /** Takes the body for good and answers its receipt. Throws what becomes the answer. */
  async serve(exchange: Exchange): Promise<void> {
    const { request, url, access } = exchange
    checkUrlLength(request.url ?? "")
    const { writes, audit } = this.#parts
    if (writes === undefined) throw nobodyWrites()
    const { waitMillis, ...asked } = askedOf(request, url)
    const tenant = tenantOf(access)
    const given = undefined
    const write = checkedWrite({ ...asked, tenant, given })
    checkHeaders(request)
    const taken = Effect.gen({ self: this }, function* () {
      const arriving = yield* writes.receive(tenant)
      yield* Effect.tryPromise({
        try: () => this.#arrive(exchange, arriving),
        catch: (error) => error as Error,
      })
      yield* writes.take(write, arriving)
    })
    await audited(audit, { access, action: "upload", what: write.source }, () =>
      this.#counted(tenant, async () => run(Effect.scoped(taken))),
    )
    const receipt = async (millis: number): Promise<WriteReceipt> => {
      const found = await run(writes.receipt(tenant, write.idempotencyKey, millis))
      if (found === undefined) throw untold()
      return found
    }
    if (wantsLines(request)) await this.#tell(exchange.response, receipt)
    else show(exchange, await receipt(waitMillis))
  }

  async #counted<A>(tenant: string, work: () => Promise<A>): Promise<A> {
    const own = this.#arriving.get(tenant) ?? 0
    if (own >= uploadsPerTenantMax || this.#all >= uploadsMax) throw tooMany(tenant, own)
    this.#arriving.set(tenant, own + 1)
    this.#all++
    try {
      return await work()
    } finally {
      const left = (this.#arriving.get(tenant) ?? 1) - 1
      if (left === 0) this.#arriving.delete(tenant)
      else this.#arriving.set(tenant, left)
      this.#all--
    }
  }

  async #arrive({ request, response }: Exchange, arriving: Arriving): Promise<void> {
    const { socket } = request
    this.#sockets.add(socket)
    if (isPatient(request)) response.writeContinue()
    try {
      await wholeBody(request, this.#times, (bytes) => run(arriving.append(bytes)))
    } finally {
      this.#sockets.delete(socket)
    }
    if (arriving.bytes() > 0) return
    throw new Invalid({ what: "body", message: "The body is empty; it holds the records." })
  }

  /** Progress is left out while the client does not read; the receipt never is. */
  async #tell(
    response: ServerResponse,
    receipt: (millis: number) => Promise<WriteReceipt>,
  ): Promise<void> {
    response.writeHead(200, { ...securityHeaders, "content-type": linesType })
    response.flushHeaders()
    for (;;) {
      // The head is out: what fails from here on can only be the end.
      const told = await receipt(uploadTellMillis).catch(() => undefined)
      if (response.destroyed) return
      if (told === undefined) {
        response.end(`${JSON.stringify({ error: shownUntold() })}\n`)
        return
      }
      if (told.state !== "pending" || told.error !== undefined || this.#isEnding) {
        response.end(`${JSON.stringify({ receipt: shownReceipt(told) })}\n`)
        return
      }
      if (response.writableNeedDrain) continue
      response.write(`${JSON.stringify({ progress: shownProgress(told) })}\n`)
    }
  }
}

const linesType = "application/x-ndjson; charset=utf-8"

const wantsLines = ({ headers }: IncomingMessage): boolean =>
  /\bapplication\/(x-ndjson|jsonl)\b/i.test(headers.accept ?? "")

/** It waits to be told before it sends its body. */
const isPatient = ({ headers }: IncomingMessage): boolean =>
  headers.expect?.toLowerCase() === "100-continue"

function show({ request, response }: Exchange, receipt: WriteReceipt): void {
  const status = receipt.state === "pending" ? 202 : 200
  const body = JSON.stringify({ receipt: shownReceipt(receipt) })
  reply(request, response, status, body, { "content-type": jsonType })
}

const formats: ReadonlySet<string> = new Set(["ndjson", "json", "stix", "csv", "retract"])
const isFormat = (text: string): text is SourceFormat => formats.has(text)
const parameters: ReadonlySet<string> = new Set(["source", "format", "mapping", "waitMillis"])

function askedOf(request: IncomingMessage, { searchParams }: URL) {
  for (const name of searchParams.keys()) {
    if (!parameters.has(name) || searchParams.getAll(name).length > 1) {
      throw refuse(name, `The parameters are ${[...parameters].join(", ")}, each once at most.`)
    }
  }
  const source = searchParams.get("source")
  if (source === null) throw refuse("source", "The parameter source names what is ingested.")
  const format = searchParams.get("format") ?? ""
  if (!isFormat(format)) {
    throw refuse("format", `The parameter format is one of ${[...formats].join(", ")}.`)
  }
  const idempotencyKey = request.headers["idempotency-key"]
  if (typeof idempotencyKey !== "string") {
    throw refuse("idempotencyKey", "The header Idempotency-Key is missing: new for each upload.")
  }
  const mapping = searchParams.get("mapping") ?? undefined
  const waitMillis = checkedWait(Number(searchParams.get("waitMillis") ?? receiptWaitMillisDefault))
  return { source, format, mapping, idempotencyKey, waitMillis }
}

const refuse = (what: string, message: string) => new Invalid({ what, message })

function checkHeaders({ headers }: IncomingMessage): void {
  const encoding = (headers["content-encoding"] ?? "identity").toLowerCase()
  if (encoding !== "identity" && encoding !== "gzip") {
    throw new HttpRefusal(415, "Send the body as it is, or compressed by gzip.")
  }
  if (Number(headers["content-length"] ?? 0) <= uploadBytesMax) return
  const message = `One upload brings at most ${uploadBytesMax} bytes; compress it, or send several.`
  throw new HttpRefusal(413, message, { limit: "uploadBytesMax", bound: uploadBytesMax })
}

const tooMany = (tenant: string, arriving: number) =>
  new MailboxFull({
    mailbox: `${tenant}/uploads`,
    limit: "concurrency",
    retryAfterMillis: retryMillisMax,
    message: `${arriving} uploads of the tenant arrive already; send this one after them.`,
  })

/**
 * Gives the body to `take`, a part at a time; the client waits while a part is taken. What it has
 * not read is left in the request.
 */
function wholeBody(
  request: IncomingMessage,
  { stallMillis, allMillis }: UploadTimes,
  take: (bytes: Buffer) => void | Promise<void>,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const late = (limit: string, bound: number, message: string) => () =>
    reject(new HttpRefusal(408, message, { limit, bound }))
  const nothing = `The upload brought nothing for ${stallMillis} ms.`
  const tooLong = `The upload took longer than ${allMillis} ms.`
  const stalled = setTimeout(late("uploadStallMillisMax", stallMillis, nothing), stallMillis)
  const over = setTimeout(late("uploadMillisMax", allMillis, tooLong), allMillis)
  const takeOne = async (bytes: Buffer) => {
    request.pause()
    await take(bytes)
    stalled.refresh()
    request.resume()
  }
  const onData = (bytes: Buffer) => void takeOne(bytes).catch(reject)
  const onBroken = () => reject(new HttpRefusal(400, "The body ended early."))
  // It may have broken while room was made for it.
  if (request.destroyed) onBroken()
  request.on("data", onData).on("end", resolve).on("error", onBroken).on("close", onBroken)
  return promise.finally(() => {
    clearTimeout(stalled)
    clearTimeout(over)
    request.off("data", onData).off("end", resolve).off("close", onBroken)
  })
}
