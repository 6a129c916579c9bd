import { createReadStream, writeFileSync } from "node:fs"
import { request as httpRequest } from "node:http"
import { connect } from "node:net"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { describe, expect, it, vi } from "vitest"
import type { Scope } from "../../gateway/access/access.ts"
import type { AuditRow } from "../../gateway/access/audit.ts"
import { AccessControl } from "../../gateway/access/control.ts"
import { memoryAccessStore } from "../../gateway/access/memory-store.ts"
import { uploadsPerTenantMax } from "../../protocols/limits.ts"
import { mapping } from "../support/node-world.ts"
import { run } from "../support/run.ts"
import { temporaryFolder } from "../support/scoped.ts"
import { spooled, things } from "../support/writes.ts"
import { ask, query, raw } from "./support.ts"
import { linesOf, receiptBy, type Served, uploaded, uploadUrl, withEdge } from "./written.ts"

const ndjson = (records: readonly unknown[]) =>
  records.map((one) => `${JSON.stringify(one)}\n`).join("")
const mapped = { mapping }
const dataOf = (folder: string) => join(folder, "data")

/** An upload that is begun by hand; what is written to it arrives. */
function begun(served: Served, key: string, length: number | "chunked" = "chunked") {
  const framing =
    length === "chunked" ? { "transfer-encoding": "chunked" } : { "content-length": length }
  const headers = { "idempotency-key": key, ...framing }
  const request = httpRequest(uploadUrl(served), { method: "POST", headers, agent: false })
  const answered = new Promise<number | undefined>((resolve) => {
    request.on("response", (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    request.on("error", () => resolve(undefined))
  })
  return { request, answered }
}

const untilSpooled = (folder: string, count: number) =>
  vi.waitFor(() => expect(spooled(dataOf(folder))).toHaveLength(count), { timeout: 10_000 })

describe("an upload", () => {
  it("is answered by its receipt", async () => {
    const folder = temporaryFolder()
    await withEdge(folder, async (served) => {
      const body = `${ndjson(things(100))}{"id": broken\n`
      const answer = await uploaded(served, { key: "k", body, parameters: mapped })
      expect(answer.status).toBe(200)
      expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8")
      const { receipt } = JSON.parse(answer.text)
      expect(receipt).toMatchObject({
        idempotencyKey: "k",
        source: "api",
        state: "COMMITTED",
        given: 101,
        read: 101,
        accepted: 100,
        deadLettered: 1,
        pending: 0,
        problems: [{ ordinal: 100, reason: "invalid-json" }],
      })
      expect(await receiptBy(served, "k")).toEqual(receipt)
      expect(spooled(dataOf(folder))).toEqual([])
    })
  })

  it("is taken in every format, also compressed, and by its whole bytes", async () => {
    await withEdge(temporaryFolder(), async (served) => {
      const accepted = async (parameters: { [name: string]: string }, body: string | Buffer) => {
        const key = Math.random().toString(36)
        const given = { parameters: { source: key, ...parameters }, key, body }
        return JSON.parse((await uploaded(served, given)).text).receipt?.accepted
      }
      expect(await accepted({ format: "json" }, '[{"a": 1}, {"a": 2}]')).toBe(2)
      expect(await accepted({ format: "csv" }, "a,b\n1,2\n3,4\n5,6\n")).toBe(3)
      expect(await accepted({ format: "ndjson" }, gzipSync(ndjson(things(20))))).toBe(20)
      const bundle = { type: "bundle", objects: [{ type: "tool", id: `tool--${uuid}`, name: "x" }] }
      expect(await accepted({ format: "stix" }, JSON.stringify(bundle))).toBe(1)
      expect(await accepted({ format: "retract" }, '"nothing"\n')).toBe(0)
      const exact = `{"id": "big", "n": 12345678901234567890}\n`
      expect(await accepted({ format: "ndjson", source: "exact" }, exact)).toBe(1)
      const document = `{ entities(type: "record", filter: {text: "12345678901234567890"}) { items {
        properties } } }`
      const { data } = (await query(served.gateway.url, document)).json()
      expect(JSON.stringify(data)).toContain('"12345678901234567890"')
    })
  })

  it("tells its progress in lines where that is asked for, and its receipt last", async () => {
    const folder = temporaryFolder()
    await withEdge(folder, async (served) => {
      const file = join(folder, "many.ndjson")
      writeFileSync(file, ndjson(things(60_000)))
      const headers = { "idempotency-key": "k", accept: "application/x-ndjson" }
      const text = await new Promise<string>((resolve, reject) => {
        const url = uploadUrl(served, mapped)
        const request = httpRequest(url, { method: "POST", headers }, async (response) => {
          expect(response.headers["content-type"]).toMatch("application/x-ndjson")
          let all = ""
          for await (const part of response.setEncoding("utf8")) all += part
          resolve(all)
        })
        request.on("error", reject)
        createReadStream(file).pipe(request)
      })
      const lines = linesOf(text)
      expect(lines.at(-1)).toMatchObject({ receipt: { state: "COMMITTED", accepted: 60_000 } })
      expect(lines.length).toBeGreaterThan(1)
      for (const { progress } of lines.slice(0, -1)) {
        const { given, read, pending } = progress as { [name: string]: number }
        expect(given).toBe((read ?? 0) + (pending ?? 0))
      }
    })
  })

  it("answers 202 where it does not wait, and is finished where its client is gone", async () => {
    await withEdge(temporaryFolder(), async (served) => {
      const body = ndjson(things(3000))
      const parameters = { ...mapped, waitMillis: "0" }
      const answer = await uploaded(served, { key: "k", body, parameters })
      expect(answer.status).toBe(202)
      expect(JSON.parse(answer.text).receipt).toMatchObject({ state: "PENDING" })
      const headers = { "idempotency-key": "gone" }
      const url = uploadUrl(served, { ...mapped, source: "other" })
      const request = httpRequest(url, { method: "POST", headers, agent: false })
      request.on("error", () => undefined)
      request.end(body)
      const isTaken = async () => expect(await receiptBy(served, "gone")).not.toBeNull()
      await vi.waitFor(isTaken, 20_000)
      request.destroy()
      await vi.waitFor(
        async () => {
          for (const key of ["k", "gone"]) {
            const receipt = await receiptBy(served, key)
            expect(receipt).toMatchObject({ state: "COMMITTED", read: 3000 })
          }
        },
        { timeout: 20_000, interval: 20 },
      )
    })
  })

  it("again under its key answers the first one's receipt; with other bytes 409", async () => {
    const folder = temporaryFolder()
    const given = { key: "k", body: ndjson(things(10)), parameters: mapped }
    const first = await withEdge(folder, async (served) => (await uploaded(served, given)).text)
    await withEdge(folder, async (served) => {
      expect((await uploaded(served, given)).text).toBe(first)
      const other = await uploaded(served, { ...given, body: ndjson(things(11)) })
      expect([other.status, other.json().errors?.[0]?.extensions.code]).toEqual([409, "CONFLICT"])
      expect(spooled(dataOf(folder))).toEqual([])
    })
  })
})

const uuid = "11111111-1111-4111-8111-111111111111"

describe("of an upload that is not whole", () => {
  it("nothing is kept, whether its client goes away or sends too little or too much", async () => {
    const folder = temporaryFolder()
    await withEdge(folder, async (served) => {
      const gone = begun(served, "gone")
      gone.request.write(ndjson(things(10)))
      await untilSpooled(folder, 1)
      gone.request.destroy()
      await untilSpooled(folder, 0)
      const host = new URL(served.base).host
      const path = "/ingest?source=a&format=ndjson"
      const head = `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nIdempotency-Key:`
      const short = connect(Number(new URL(served.base).port), "127.0.0.1")
      short.write(`${head} short\r\nContent-Length: 100\r\n\r\n{"a":1}\n`)
      await untilSpooled(folder, 1)
      short.end()
      await untilSpooled(folder, 0)
      const chunk = `${head} chunk\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{"a":1}\r\n`
      expect(await raw(served.base, chunk)).toMatch(/^HTTP\/1.1 400/)
      const behind = "GET nonsense\r\n\r\n"
      const long = `${head} long\r\nContent-Length: 3\r\n\r\n{}\n${behind}`
      expect(await raw(served.base, long)).toMatch(/HTTP\/1.1 400/)
      for (const key of ["gone", "short", "chunk"]) expect(await receiptBy(served, key)).toBeNull()
      await untilSpooled(folder, 0)
    })
  })

  it("nothing is kept when it stalls; one that goes on slowly is taken", async () => {
    const folder = temporaryFolder()
    const patience = { headersMillis: 100, requestMillis: 300 }
    const uploadTimes = { stallMillis: 3_000, allMillis: 60_000 }
    const body = "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    await withEdge(
      folder,
      async (served) => {
        const stalled = begun(served, "stalled")
        stalled.request.write('{"a": 1}\n')
        const slow = begun(served, "slow")
        slow.request.write('{"a": 1}\n')
        const late = raw(served.base, `POST /graphql HTTP/1.1\r\nHost: localhost\r\n${body}`)
        expect(await late).toMatch(/^HTTP\/1.1 408/)
        slow.request.end('{"a": 2}\n')
        expect(await slow.answered).toBe(200)
        expect(await stalled.answered).toBe(408)
        stalled.request.destroy()
        expect(await receiptBy(served, "slow")).toMatchObject({ state: "COMMITTED", read: 2 })
        expect(await receiptBy(served, "stalled")).toBeNull()
        await untilSpooled(folder, 0)
      },
      { tenants: ["demo"] },
      { patience, uploadTimes },
    )
  })
})

describe("an upload is refused", () => {
  it("with a sentence where something is missing, unknown or twice", async () => {
    const folder = temporaryFolder()
    await withEdge(folder, async (served) => {
      const refused = async (path: string, headers: { [name: string]: string } = {}) => {
        const url = `${served.base}/ingest${path}`
        const all = { "idempotency-key": "k", ...headers }
        const answer = await ask(url, { method: "POST", headers: all, body: "{}" })
        return [answer.status, answer.json().errors?.[0]?.message]
      }
      const whole = "?source=a&format=ndjson"
      const is = (status: number, text: string) => [status, expect.stringContaining(text)]
      expect(await refused("?format=ndjson")).toEqual(is(400, "source"))
      expect(await refused("?source=a")).toEqual(is(400, "format"))
      expect(await refused("?source=a&format=xml")).toEqual(is(400, "format"))
      expect(await refused(`${whole}&sorce=b`)).toEqual(is(400, "parameters"))
      expect(await refused(`${whole}&source=b`)).toEqual(is(400, "once"))
      expect(await refused(`${whole}&waitMillis=x`)).toEqual(is(400, "waitMillis"))
      expect(await refused(`${whole}&mapping=version:%202`)).toEqual(is(400, "line 1"))
      expect(await refused(whole, { "idempotency-key": "" })).toEqual(is(400, "idempotency"))
      expect(await refused(whole, { "content-encoding": "br" })).toEqual(is(415, "gzip"))
      const empty = await ask(`${served.base}/ingest${whole}`, {
        method: "POST",
        headers: { "idempotency-key": "k" },
      })
      expect(empty.status).toBe(400)
      const get = await ask(`${served.base}/ingest`)
      expect([get.status, get.headers.allow]).toEqual([405, "POST"])
      expect(spooled(dataOf(folder))).toEqual([])
    })
  })

  it("before its body where the client waits to be told, and told to go on else", async () => {
    await withEdge(temporaryFolder(), async (served) => {
      const { host } = new URL(served.base)
      const head = (path: string) =>
        `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nIdempotency-Key: k\r\nContent-Length: 3\r\n` +
        "Connection: close\r\nExpect: 100-continue\r\n\r\n"
      expect(await raw(served.base, head("/ingest?source=a"))).toMatch(/^HTTP\/1.1 400/)
      const good = head("/ingest?source=a&format=ndjson")
      expect(await raw(served.base, `${good}{}\n`)).toMatch(/^HTTP\/1.1 100.*\r\n\r\nHTTP\/1.1 200/)
      const graphql = head("/graphql").replace("Expect", "Content-Type: application/json\r\nExpect")
      expect(await raw(served.base, `${graphql}{} `)).toMatch(
        /^HTTP\/1.1 100.*\r\n\r\nHTTP\/1.1 400/,
      )
    })
  })

  it("over its bounds in bytes, and its answer arrives though it still sends", async () => {
    const folder = temporaryFolder()
    const bounds = { bytesPerWrite: 100_000, bytesPerTenant: 150_000, writesPerTenant: 3 }
    await withEdge(
      folder,
      async (served) => {
        const body = "x".repeat(8 * 1024 ** 2)
        const large = await uploaded(served, { key: "large", body })
        expect(large.status).toBe(413)
        expect(large.json().errors?.[0]?.extensions).toMatchObject({ limit: "uploadBytesMax" })
        const claimed = await uploaded(served, {
          key: "k",
          body: "",
          headers: { "content-length": String(2 ** 40), expect: "100-continue" },
        })
        expect(claimed.status).toBe(413)
        const half = [begun(served, "a"), begun(served, "b")]
        half[0]?.request.write("x".repeat(90_000))
        await untilSpooled(folder, 1)
        half[1]?.request.write("x".repeat(90_000))
        expect(await half[1]?.answered).toBe(429)
        half[0]?.request.destroy()
        await untilSpooled(folder, 0)
        expect((await uploaded(served, { key: "c", body: "{}\n" })).status).toBe(200)
        expect(await receiptBy(served, "large")).toBeNull()
      },
      { tenants: ["demo"], spool: bounds },
    )
  })

  it("where too many of the tenant arrive, and taken when one of them is gone", async () => {
    const folder = temporaryFolder()
    await withEdge(folder, async (served) => {
      const many = Array.from({ length: uploadsPerTenantMax }, (_, n) => begun(served, `k${n}`))
      for (const { request } of many) request.write("{}\n")
      await untilSpooled(folder, uploadsPerTenantMax)
      const refused = await uploaded(served, { key: "k", body: "{}\n" })
      expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "1"])
      expect(refused.json().errors?.[0]).toMatchObject({
        message: "4 uploads of the tenant arrive already; send this one after them.",
        extensions: { code: "MAILBOX_FULL", family: "Retryable" },
      })
      for (const { request } of many) request.destroy()
      await untilSpooled(folder, 0)
      expect((await uploaded(served, { key: "k", body: "{}\n" })).status).toBe(200)
    })
  })
})

describe("with tokens an upload", () => {
  it("needs the scope write, is told of in the audit, and is its tenant's alone", async () => {
    const kept: AuditRow[] = []
    const store = {
      ...memoryAccessStore(),
      write: (rows: readonly AuditRow[]) => void kept.push(...rows),
    }
    const control = new AccessControl({ store, openTenant: "demo" })
    const bearer = (tenant: string, scopes: Scope[]) => {
      const grant = { tenant, scopes, label: "", lastsMillis: 60_000 }
      return { authorization: `Bearer ${control.create("local", grant).text}` }
    }
    const [ours, theirs] = [bearer("demo", ["write"]), bearer("other", ["read", "write"])]
    const narrow = bearer("demo", ["read", "operate"])
    const tenants = { tenants: ["demo", "other"] }
    await withEdge(
      temporaryFolder(),
      async (served) => {
        const sent = async (headers: { [name: string]: string }, count: number) => {
          const given = { key: "k", body: ndjson(things(count)), parameters: mapped, headers }
          const answer = await uploaded(served, given)
          const { receipt } = JSON.parse(answer.text)
          return [answer.status, receipt?.accepted ?? answer.json().errors?.[0]?.extensions.code]
        }
        expect(await sent({}, 1)).toEqual([401, "UNAUTHENTICATED"])
        expect(await sent(narrow, 1)).toEqual([403, "FORBIDDEN"])
        expect(await sent(ours, 3)).toEqual([200, 3])
        expect(await sent(theirs, 5)).toEqual([200, 5])
        expect(await sent(ours, 5)).toEqual([409, "CONFLICT"])
        const count = async (tenant: string) =>
          (await run(served.ports.reads.counts(tenant))).byType.map((one) => one.count)
        expect([await count("demo"), await count("other")]).toEqual([[3], [5]])
      },
      tenants,
      { control },
    )
    control.flush()
    const rows = kept.filter(({ action }) => action === "upload")
    expect(rows.map(({ tenant, what, outcome }) => [tenant, what, outcome])).toEqual([
      ["demo", "api", "done"],
      ["other", "api", "done"],
      ["demo", "api", "refused"],
    ])
  })
})
