/** The page as files: what is served is what the sources build, and nothing in it leads away. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { buildSchema, parse, validate } from "graphql"
import { describe, expect, it } from "vitest"
import { buildPage, builtFolder } from "../../gateway/page/build.ts"
import * as documents from "../../gateway/page/src/documents.ts"
import { schemaSdl } from "../../protocols/graphql.ts"
import { graphOf } from "./graph.ts"
import { ask, started } from "./support.ts"

const built = (name: string) => readFileSync(join(builtFolder, name), "utf8")
const graph = graphOf([])
const names = readdirSync(builtFolder).sort()

describe("the built page", () => {
  it("is what its sources build: `npm run page` brings it up to date", async () => {
    const fresh = await buildPage()
    expect([...fresh.keys()].sort()).toEqual(names)
    for (const [name, text] of fresh) expect([name, built(name) === text]).toEqual([name, true])
  })

  it("has no address of another place that a browser would load from", () => {
    const html = built("index.html")
    const loaded = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? "")
    expect(loaded).toHaveLength(3)
    for (const path of loaded) expect(path).toMatch(/^\/page\/[\w-]+\.(js|css|svg)$/)
    for (const name of names.filter((one) => /\.(js|css)$/.test(one))) {
      const addresses = [...built(name).matchAll(/(?:https?|wss?):\/\/[\w.-]+/g)]
      // What cytoscape names in its warnings, and the names of XML, are never fetched.
      const known = /^https?:\/\/(js\.cytoscape\.org|www\.w3\.org|github\.com)$/
      expect(addresses.map(([found]) => found).filter((found) => !known.test(found))).toEqual([])
      expect(built(name)).not.toMatch(/@import|url\((?!["']?(data:|#))/)
    }
  })

  it("carries the licence of every package in it", () => {
    const licences = built("LICENSES.txt")
    for (const name of ["cytoscape", "graphql-ws", "preact"]) {
      expect(licences).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(MIT\\)$`, "m"))
    }
    expect(licences.match(/Permission is hereby granted/g)).toHaveLength(3)
  })

  it("is small: a first view needs less than 40 KiB of script, compressed", async () => {
    const { pageUrl } = await started(graph)
    const script = /src="([^"]+)"/.exec(built("index.html"))?.[1] ?? ""
    const answer = await ask(new URL(script, pageUrl).href, {
      headers: { "accept-encoding": "br" },
      method: "HEAD",
    })
    expect(Number(answer.headers["content-length"])).toBeLessThan(40 * 1024)
  })

  it("asks only what the schema answers", () => {
    const schema = buildSchema(schemaSdl)
    for (const [name, document] of Object.entries(documents)) {
      expect([name, validate(schema, parse(document))]).toEqual([name, []])
    }
  })
})

describe("the page's files over HTTP", () => {
  it("are served in production too, with a policy that allows this node alone", async () => {
    const { pageUrl } = await started({ reads: graph.reads, development: false })
    for (const name of names) {
      const path = name === "index.html" ? "/" : `/page/${name}`
      const { status, headers } = await ask(new URL(path, pageUrl).href)
      expect([path, status]).toEqual([path, 200])
      const policy = String(headers["content-security-policy"])
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toMatch(/unsafe|https?:|\*/)
      expect(headers["x-content-type-options"]).toBe("nosniff")
      expect(headers["referrer-policy"]).toBe("no-referrer")
      expect(headers["cross-origin-resource-policy"]).toBe("same-origin")
      expect(headers["cache-control"]).toBe(
        /-[0-9A-Z]{8}\./.test(name) ? "private, max-age=31536000, immutable" : "no-cache",
      )
    }
  })

  it("answer HEAD as GET, and nothing but the two", async () => {
    const { pageUrl } = await started(graph)
    const whole = await ask(pageUrl)
    const head = await ask(pageUrl, { method: "HEAD" })
    expect(head.text).toBe("")
    expect(head.headers["content-length"]).toBe(String(Buffer.byteLength(whole.text)))
    const posted = await ask(pageUrl, { method: "POST", body: "" })
    expect([posted.status, posted.headers.allow]).toEqual([405, "GET, HEAD"])
  })

  it("answer 304 without a body to whoever has them", async () => {
    const { pageUrl } = await started(graph)
    const { headers } = await ask(pageUrl)
    const etag = String(headers.etag)
    expect(etag).toMatch(/^"[\w-]{22}"$/)
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const again = await ask(pageUrl, { headers: { "if-none-match": known } })
      expect([known, again.status, again.text]).toEqual([known, 304, ""])
      expect(again.headers.etag).toBe(etag)
    }
    expect((await ask(pageUrl, { headers: { "if-none-match": '"other"' } })).status).toBe(200)
  })

  it("are compressed as the browser takes them, each form with a tag of its own", async () => {
    const { pageUrl } = await started(graph)
    const name = names.find((one) => one.startsWith("style-")) ?? ""
    const url = new URL(`/page/${name}`, pageUrl).href
    const tags = new Set<unknown>()
    for (const encoding of ["br", "gzip"] as const) {
      const response = await fetch(url, { headers: { "accept-encoding": encoding } })
      expect(response.headers.get("content-encoding")).toBe(encoding)
      expect(response.headers.get("vary")).toBe("accept-encoding")
      expect(await response.text()).toBe(built(name))
      tags.add(response.headers.get("etag"))
    }
    const plain = await ask(url, { headers: { "accept-encoding": "br;q=0, identity" } })
    expect(plain.headers["content-encoding"]).toBeUndefined()
    expect(plain.text).toBe(built(name))
    expect(tags.add(plain.headers.etag).size).toBe(3)
  })

  it("are not found by names that are not theirs", async () => {
    const { pageUrl } = await started(graph)
    for (const path of [
      "/page/",
      "/page/index.html",
      "/page/../start.ts",
      "/page/%2e%2e/files.ts",
    ]) {
      expect([path, (await ask(new URL(path, pageUrl).href)).status]).toEqual([path, 404])
    }
  })
})
