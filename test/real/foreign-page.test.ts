/**
 * A page of another origin, in a real browser, against a node in open mode: the case where nothing
 * but Host and Origin stands between the two. It can neither read nor write.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest"
import { json, newWorld, put, start } from "../acceptance/world.ts"
import { newBrowser, openTab } from "../support/browser.ts"

const world = newWorld()
const browser = newBrowser()

const secret = "Person who must not be read"
const key = (name: string) => `foreign-${name}`
const mutation = (name: string) =>
  `mutation { ingest(source: "${key(name)}", records: [{ a: 1 }], idempotencyKey: "${name}") ` +
  "{ state } }"
const question = "{ entities(first: 5) { items { name } } stats { entities } }"
const subscription = "subscription { entityChanged { id entity { name } } }"

let node = ""
const other = createServer((_, response) => {
  response
    .writeHead(200, { "content-type": "text/html" })
    .end("<!doctype html><title>Other</title>")
})
let elsewhere = ""

beforeAll(async () => {
  put(
    world,
    "one.yaml",
    "version: 1\nrecord: { key: $.id }\nentities: [{ type: t, key: $.id, name: $.n }]\n",
  )
  put(world, "one.csv", `id,n\n1,${secret}\n`)
  put(
    world,
    "intelgraph.yaml",
    "version: 1\ntenants: { demo: { sources: " +
      "[{ name: one, format: csv, file: one.csv, mapping: one.yaml }] } }\n",
  )
  node = await start(world, "start", "--data-dir", "d", "--port", "0").says(
    /GraphQL: (\S+)\/graphql/,
  )
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve))
  elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
})

afterAll(() => other.close())

/** What a script on the page got by `fetch`, or that it got nothing. */
const fetched = (page: Page, url: string, init: object): Promise<unknown> =>
  page.evaluate(
    `fetch(${JSON.stringify(url)}, ${JSON.stringify(init)})
      .then(async (answer) => [answer.type, answer.status, await answer.text()], () => "blocked")`,
  )

const post = (query: string, type: string) => ({
  method: "POST",
  headers: { "content-type": type },
  body: JSON.stringify({ query }),
})

/** Sources that the node knows: a write that came through would be one more. */
async function sourcesOfNode(): Promise<readonly string[]> {
  const answer = await json(world, "query", "--data-dir", "d", "{ stats { sources { source } } }")
  return answer.data.stats.sources.map(({ source }: { readonly source: string }) => source)
}

describe.each([
  ["of another port", () => elsewhere],
  // A document without the policy of the node's own page, which alone would stop it.
  ["of another name for the node", () => `${node.replace("127.0.0.1", "localhost")}/healthz`],
])("a page %s", (_, urlOf) => {
  const opened = async (): Promise<Page> => {
    const { page } = await openTab(await browser(), urlOf())
    return page
  }

  it("reads nothing by fetch, with or without what the browser knows of the node", async () => {
    const page = await opened()
    const asked = `${node}/graphql?query=${encodeURIComponent(question)}`
    for (const credentials of ["omit", "include"]) {
      for (const url of [asked, `${node}/`, `${node}/metrics`, `${node}/healthz`]) {
        expect([url, await fetched(page, url, { credentials })]).toEqual([url, "blocked"])
      }
      const given = { ...post(question, "application/json"), credentials }
      expect(await fetched(page, `${node}/graphql`, given)).toBe("blocked")
    }
    // Without CORS a browser sends the request and hides what comes back, if it takes it at all.
    const hidden = await fetched(page, asked, { mode: "no-cors", credentials: "include" })
    expect(JSON.stringify(hidden)).not.toContain(secret)
    expect([JSON.stringify(["opaque", 0, ""]), '"blocked"']).toContain(JSON.stringify(hidden))
  })

  it("reads nothing by tags, frames and windows", async () => {
    const page = await opened()
    const asked = `${node}/graphql?query=${encodeURIComponent(question)}`
    const loaded = await page.evaluate(`Promise.all(["script", "img", "link", "iframe"].map((tag) =>
      new Promise((resolve) => {
        const element = document.createElement(tag)
        if (tag === "link") element.rel = "stylesheet"
        element[tag === "link" ? "href" : "src"] = ${JSON.stringify(asked)}
        element.onerror = () => resolve("blocked")
        element.onload = () => {
          try {
            resolve(element.contentWindow.document.body.textContent)
          } catch {
            resolve("blocked")
          }
        }
        document.body.append(element)
      })))`)
    expect(loaded).toEqual(["blocked", "blocked", "blocked", "blocked"])
    const framed = await page.evaluate(`new Promise((resolve) => {
      const frame = document.createElement("iframe")
      frame.src = ${JSON.stringify(`${node}/`)}
      frame.onload = () => {
        try {
          resolve(frame.contentWindow.document.title)
        } catch {
          resolve("blocked")
        }
      }
      document.body.append(frame)
    })`)
    expect(framed).toBe("blocked")
    const refused = () => page.frames().some((frame) => frame.url().startsWith("chrome-error:"))
    await vi.waitFor(() => expect(refused()).toBe(true), 10_000)
  })

  it("opens no socket and no stream", async () => {
    const page = await opened()
    const socket = `${node.replace("http", "ws")}/graphql`
    const said = await page.evaluate(`new Promise((resolve) => {
      const heard = []
      const socket = new WebSocket(${JSON.stringify(socket)}, "graphql-transport-ws")
      socket.onopen = () => socket.send('{"type":"connection_init"}')
      socket.onmessage = ({ data }) => heard.push(data)
      socket.onclose = ({ code }) => resolve([code, heard])
    })`)
    expect(said).toEqual([1006, []])
    const stream = `${node}/graphql/stream?query=${encodeURIComponent(subscription)}`
    const told = await page.evaluate(`new Promise((resolve) => {
      const source = new EventSource(${JSON.stringify(stream)}, { withCredentials: true })
      source.onopen = () => resolve("open")
      source.onerror = () => resolve(source.readyState)
    })`)
    expect(told).toBe(2)
  })

  it("writes nothing, whatever a form or a script sends without being asked first", async () => {
    const page = await opened()
    const types = ["application/json", "text/plain", "application/x-www-form-urlencoded"]
    for (const type of types) {
      await fetched(page, `${node}/graphql`, post(mutation("fetch"), type))
      await fetched(page, `${node}/graphql`, { ...post(mutation("blind"), type), mode: "no-cors" })
      const upload = { method: "POST", body: "id,n\n9,x\n", headers: { "content-type": type } }
      const to = `${node}/ingest?source=${key("upload")}&format=csv`
      await fetched(page, to, { ...upload, mode: "no-cors", credentials: "include" })
    }
    await page.evaluate(
      `navigator.sendBeacon(${JSON.stringify(`${node}/graphql`)}, ${JSON.stringify(
        JSON.stringify({ query: mutation("beacon") }),
      )})`,
    )
    const get = `${node}/graphql?query=${encodeURIComponent(mutation("get"))}`
    await fetched(page, get, { mode: "no-cors", credentials: "include" })
    // The old trick: a form whose one field spells JSON, and so is sent as if it were.
    const field = JSON.stringify({ query: mutation("form") }).replace(/}$/, ',"x":"')
    const answered = page.waitForResponse((response) => response.request().method() === "POST")
    await page.evaluate(`{
      const form = document.createElement("form")
      form.method = "POST"
      form.enctype = "text/plain"
      form.action = ${JSON.stringify(`${node}/graphql`)}
      const field = document.createElement("input")
      field.name = ${JSON.stringify(field)}
      field.value = '"}'
      form.append(field)
      document.body.append(form)
      form.submit()
    }`)
    expect((await answered).status()).toBe(403)
    expect(await sourcesOfNode()).toEqual(["one"])
  })
})

describe("a name of somebody else that leads to this machine", () => {
  it("is answered with nothing, neither the page nor data", async () => {
    const { chromium } = await import("playwright-core")
    const rebound = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--host-resolver-rules=MAP rebound.example 127.0.0.1",
        ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      ],
    })
    onTestFinished(() => rebound.close())
    const page = await rebound.newPage()
    const url = node.replace("127.0.0.1", "rebound.example")
    const answer = await page.goto(url)
    expect(answer?.status()).toBe(403)
    const asked = (await fetched(page, `${url}/graphql`, post(question, "application/json"))) as [
      string,
      number,
      string,
    ]
    expect([asked[1], asked[2].includes(secret)]).toEqual([403, false])
  })
})

it("would see these attempts succeed: the node's own page reads and writes", async () => {
  const { page } = await openTab(await browser(), node)
  const read = await fetched(page, `${node}/graphql`, post(question, "application/json"))
  expect(JSON.stringify(read)).toContain(secret)
  const written = await fetched(page, `${node}/graphql`, post(mutation("own"), "application/json"))
  expect(JSON.stringify(written)).toContain("COMMITTED")
  expect(await sourcesOfNode()).toEqual([key("own"), "one"])
})
