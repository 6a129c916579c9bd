import { hash } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { openAccess } from "../../gateway/access/access.ts"
import { startGateway } from "../../gateway/index.ts"
import { readManifest } from "../../gateway/manifest.ts"
import { PersistedDocuments } from "../../gateway/persisted.ts"
import {
  manifestDocumentsMax,
  persistedDocumentsMax,
  persistedLengthMax,
  persistedTenantsMax,
} from "../../protocols/limits.ts"
import { MetricRegistry } from "../../runtime/index.ts"
import { run } from "../support/run.ts"
import { temporaryFolder } from "../support/scoped.ts"
import { bearer, keptAccess, tokenFor } from "./access/kept.ts"
import { graphOf } from "./graph.ts"
import { liveWorld } from "./live/world.ts"
import { ask, post, started } from "./support.ts"

const graph = graphOf([])
const document = "query Typename { __typename }"
const idOf = (text: string) => hash("sha256", text)
const named = (id: string) => ({ persistedQuery: { version: 1, sha256Hash: id } })
const data = { data: { __typename: "Query" } }

const codeOf = (text: string) => JSON.parse(text).errors?.[0]?.extensions.code

describe("an automatic persisted query", () => {
  it("is asked for once with its document, then by its hash alone, by POST and GET", async () => {
    const { url } = await started(graph)
    const extensions = named(idOf(document))
    const unknown = await post(url, { extensions })
    expect(unknown.json().errors?.[0]).toMatchObject({
      message: "PersistedQueryNotFound",
      extensions: { code: "PERSISTED_QUERY_NOT_FOUND" },
    })
    expect((await post(url, { query: document, extensions })).json()).toEqual(data)
    expect((await post(url, { extensions, query: null })).json()).toEqual(data)
    const search = new URLSearchParams({ extensions: JSON.stringify(extensions) })
    const byGet = await ask(`${url}?${search}`)
    expect([byGet.json(), typeof byGet.headers.etag]).toEqual([data, "string"])
  })

  it("is not kept under a hash that is not its own, nor where it is not valid", async () => {
    const { url } = await started(graph)
    const wrong = await post(url, { query: document, extensions: named(idOf("{ other }")) })
    expect(codeOf(wrong.text)).toBe("INVALID")
    const invalid = "{ nothing }"
    await post(url, { query: invalid, extensions: named(idOf(invalid)) })
    for (const id of [idOf("{ other }"), idOf(invalid), idOf(document)]) {
      const { text } = await post(url, { extensions: named(id) })
      expect(codeOf(text)).toBe("PERSISTED_QUERY_NOT_FOUND")
    }
  })

  it("is refused in another form, and as a mutation by GET", async () => {
    const { url } = await started(graph)
    for (const persistedQuery of [{ version: 2, sha256Hash: "a" }, { version: 1 }, "a", []]) {
      expect((await post(url, { extensions: { persistedQuery } })).status).toBe(400)
    }
    expect((await post(url, { extensions: {} })).status).toBe(400)
    const given = 'source: "a", recordKeys: [], idempotencyKey: "k"'
    const mutation = `mutation { retract(${given}) { read } }`
    const extensions = named(idOf(mutation))
    await post(url, { query: mutation, extensions })
    const search = new URLSearchParams({ extensions: JSON.stringify(extensions) })
    expect((await ask(`${url}?${search}`)).status).toBe(405)
  })

  it("is the tenant's own: another learns nothing of it, byte for byte", async () => {
    const { control } = await keptAccess()
    const { url } = await liveWorld({ control })
    const [ours, theirs] = [tokenFor(control, "demo"), tokenFor(control, "other")]
    const extensions = named(idOf(document))
    await post(url, { query: document, extensions }, bearer(ours.text))
    expect((await post(url, { extensions }, bearer(ours.text))).json()).toEqual(data)
    const known = await post(url, { extensions }, bearer(theirs.text))
    const never = await post(url, { extensions: named(idOf("never")) }, bearer(theirs.text))
    expect(known.text).toBe(never.text)
  })

  it("leaves others their room: number, length and tenants are bounded", () => {
    const persisted = new PersistedDocuments()
    const keep = (tenant: string, text: string) =>
      persisted.keep({ access: openAccess(tenant), document: text, documentId: idOf(text) })
    const isKept = (tenant: string, text: string) => {
      try {
        return persisted.textOf({ access: openAccess(tenant), documentId: idOf(text) }) === text
      } catch {
        return false
      }
    }
    keep("quiet", document)
    for (let n = 0; n < 2 * persistedDocumentsMax; n++) keep("loud", `{ a${n} }`)
    expect(persisted.count).toBe(1 + persistedDocumentsMax)
    expect([isKept("loud", "{ a1 }"), isKept("quiet", document)]).toEqual([false, true])
    keep("loud", "x".repeat(persistedLengthMax))
    expect([persisted.count, isKept("loud", "{ a399 }")]).toEqual([2, false])
    keep("loud", "x".repeat(persistedLengthMax + 1))
    expect(persisted.count).toBe(2)
    for (let n = 0; n < persistedTenantsMax; n++) {
      keep(`t${n}`, document)
      expect(isKept("quiet", document)).toBe(true)
    }
    expect([persisted.count, isKept("loud", "x".repeat(persistedLengthMax))]).toEqual([
      persistedTenantsMax,
      false,
    ])
  })
})

const listed = [
  { id: "stats", name: "Stats", type: "query", body: "query Stats { stats { entities } }" },
  { id: idOf(document), name: "Typename", type: "query", body: document },
  {
    id: "changes",
    name: "C",
    type: "subscription",
    body: "subscription C { entityChanged { key } }",
  },
]

function manifestFile(content: unknown): string {
  const path = join(temporaryFolder(), "manifest.json")
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content))
  return path
}

const manifest = (operations: readonly unknown[]) =>
  manifestFile({ format: "apollo-persisted-query-manifest", version: 1, operations })

describe("a manifest of documents", () => {
  it("is asked by id, beside other documents", async () => {
    const persistedQueries = { manifest: manifest(listed), only: false }
    const { url } = await started({ reads: graph.reads, persistedQueries })
    const byId = await post(url, { extensions: named("stats") })
    expect(byId.json()).toEqual({ data: { stats: { entities: 0 } } })
    expect((await post(url, { query: document })).json()).toEqual(data)
    const withBoth = { query: listed[0]?.body, extensions: named("stats") }
    expect((await post(url, withBoth)).json()).toEqual({ data: { stats: { entities: 0 } } })
  })

  it("is all that is executed where it is to be: over HTTP, streams and sockets", async () => {
    const persistedQueries = { manifest: manifest(listed), only: true }
    const world = await liveWorld({ persistedQueries })
    const { url, streamUrl } = world
    expect((await post(url, { extensions: named("stats") })).status).toBe(200)
    expect((await post(url, { query: document })).json()).toEqual(data)
    const other = "{ stats { stubs } }"
    const refused = { what: "INVALID", next: "Send the id of one that is listed." }
    const expectRefused = (text: string) => {
      const { code, next } = JSON.parse(text).errors[0].extensions
      expect({ what: code, next }).toEqual(refused)
    }
    expectRefused((await post(url, { query: other })).text)
    expectRefused((await post(url, { query: other, extensions: named(idOf(other)) })).text)
    expectRefused((await ask(`${url}?query=${other}`)).text)
    expectRefused((await ask(`${streamUrl}?query=subscription{actorChanged{gap}}`)).text)
    const { text } = await post(url, { extensions: named(idOf(other)) })
    expect(codeOf(text)).toBe("PERSISTED_QUERY_NOT_FOUND")
    const overSocket = await socketAnswer(world.socketUrl, other)
    expect(overSocket).toMatchObject([{ extensions: { code: "INVALID" } }])
  })

  it("is refused where it cannot be what is meant", async () => {
    const [stats] = listed
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      ["{", /is no JSON/],
      [{ format: "other", version: 1, operations: [] }, /is no apollo-persisted-query-manifest/],
      [{ format: "apollo-persisted-query-manifest", version: 2, operations: [] }, /version 1/],
      [[], /is no apollo/],
    ]
    for (const [content, message] of wrong) {
      expect(() => readManifest(manifestFile(content))).toThrow(message)
    }
    const operations: readonly (readonly [readonly unknown[], RegExp])[] = [
      [[{ id: "a" }], /operations\[0\]/],
      [[stats, stats], /"stats" twice/],
      [[{ ...stats, body: "{ nothing }" }], /Cannot query field "nothing"/],
      [Array(manifestDocumentsMax + 1).fill(stats), /at most 5000/],
    ]
    for (const [list, message] of operations) {
      expect(() => readManifest(manifest(list))).toThrow(message)
    }
    const missing = { manifest: join(temporaryFolder(), "missing.json"), only: true }
    const options = { metrics: new MetricRegistry(), port: 0, development: false, tenant: "demo" }
    const gateway = startGateway({ ...options, reads: graph.reads, persistedQueries: missing })
    expect(await run(Effect.flip(Effect.scoped(gateway)))).toMatchObject({
      _tag: "Invalid",
      message: expect.stringMatching(/missing\.json cannot be read/),
    })
  })
})

/** The errors by which an operation over WebSocket is refused. */
function socketAnswer(url: string, query: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, "graphql-transport-ws")
    const send = (message: object) => socket.send(JSON.stringify(message))
    socket.onopen = () => send({ type: "connection_init" })
    socket.onerror = () => reject(new Error("the socket failed"))
    socket.onmessage = ({ data: text }) => {
      const message = JSON.parse(String(text))
      if (message.type === "connection_ack") {
        send({ id: "1", type: "subscribe", payload: { query } })
      } else {
        socket.close()
        resolve(message.payload)
      }
    }
  })
}
