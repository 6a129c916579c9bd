/**
 * Two nodes over one log and one graph, and a browser on each: what is committed by either is told
 * by both, and a browser whose node is killed goes on at the other with its token.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Page } from "playwright-core"
import { afterAll, beforeAll, expect, it, vi } from "vitest"
import { query } from "../gateway/support.ts"
import { type Server, startNats, startPostgres } from "../servers/index.ts"
import { newBrowser, openTab } from "../support/browser.ts"
import { start } from "../support/command.ts"

const sources = 4
const recordsEach = 2_000
const recordsPerSecond = 250

const folder = mkdtempSync(join(tmpdir(), "intelgraph-two-nodes-"))
const browser = newBrowser()
let nats: Server
let postgres: Server
beforeAll(async () => {
  nats = await startNats()
  postgres = await startPostgres()
})
afterAll(async () => {
  for (const server of [nats, postgres]) await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const document = `subscription ($after: String) {
  entityChanged(after: $after) { kind key revision resume }
}`

interface Change {
  readonly kind: string
  readonly key: string
  readonly revision: number
  readonly resume: string
}

/** Subscribes from within a page; what is told collects there, also beyond the socket's end. */
const subscribe = (page: Page, node: string, after: string): Promise<void> =>
  page.evaluate(`{
    const [url, query, after] = ${JSON.stringify([node.replace("http", "ws"), document, after])}
    window.told = []
    const socket = new WebSocket(url, "graphql-transport-ws")
    const say = (message) => socket.send(JSON.stringify(message))
    socket.onopen = () => say({ type: "connection_init" })
    socket.onmessage = ({ data }) => {
      const { type, payload } = JSON.parse(data)
      if (type === "connection_ack") {
        say({ id: "1", type: "subscribe", payload: { query, variables: { after } } })
      }
      if (type === "ping") say({ type: "pong" })
      if (type === "next") window.told.push(payload.data.entityChanged)
    }
  }`)

const told = (page: Page): Promise<readonly Change[]> => page.evaluate("window.told")
const toldAtLeast = (page: Page, count: number) =>
  vi.waitFor(
    async () => expect(await page.evaluate("window.told.length")).toBeGreaterThanOrEqual(count),
    { timeout: 120_000, interval: 50 },
  )

function configure(names: readonly string[]): void {
  const listed = names.map(
    (name) => `{name: ${name}, format: ndjson, file: ${name}.ndjson, mapping: things.yaml}`,
  )
  writeFileSync(
    join(folder, "intelgraph.yaml"),
    `version: 1\nlimits: {recordsPerSecondMax: ${recordsPerSecond}}\n` +
      `tenants:\n  demo:\n    sources: [${listed.join(", ")}]\n`,
  )
}

function writeSources(): readonly string[] {
  writeFileSync(
    join(folder, "things.yaml"),
    "version: 1\nrecord: {key: $.id}\nentities:\n  - {type: thing, key: $.id, name: $.id}\n",
  )
  return Array.from({ length: sources }, (_, source) => {
    const lines = Array.from({ length: recordsEach }, (__, n) => `{"id":"s${source}-k${n}"}`)
    writeFileSync(join(folder, `s${source}.ndjson`), `${lines.join("\n")}\n`)
    return `s${source}`
  })
}

/** Every key once, and those of one key in the order of their revisions. */
function expectEachOnce(changes: readonly Change[]): void {
  expect(changes.every(({ kind }) => kind === "CREATED")).toBe(true)
  expect(new Set(changes.map(({ key }) => key)).size).toBe(changes.length)
}

it("tells each browser every change once, also the one whose node is killed", async () => {
  const names = writeSources()
  configure([])
  const address = new URL(postgres.url)
  address.username = postgres.user ?? ""
  address.password = postgres.password ?? ""
  const env = { INTELGRAPH_NATS: nats.url, INTELGRAPH_POSTGRES: address.href }
  const serve = (name: string) =>
    start({ folder, env }, "start", "--port", "0", "--node", name, "--data-dir", name)
  const empty = serve("a")
  const first = await empty.says(/GraphQL: (\S+)/)
  const page = (await query(first, "{ entities { resume items { key } } }")).json().data?.entities
  const { resume } = page as { readonly resume: string }
  empty.child.kill("SIGINT")
  await empty.ended

  configure(names)
  const [a, b] = [serve("a"), serve("b")]
  const [pageA, pageB] = [await a.says(/Look at it: (\S+)/), await b.says(/Look at it: (\S+)/)]
  const urlOf = (pageUrl: string) => new URL("/graphql", pageUrl).href
  const { page: atA } = await openTab(await browser(), pageA)
  const { page: atB } = await openTab(await browser(), pageB)
  await subscribe(atA, urlOf(pageA), resume)
  await subscribe(atB, urlOf(pageB), resume)
  await toldAtLeast(atA, 500)
  await toldAtLeast(atB, 500)

  a.child.kill("SIGKILL")
  await a.ended
  const before = await told(atA)
  const last = before.at(-1)?.resume ?? ""
  const { page: moved } = await openTab(await browser(), pageB)
  await subscribe(moved, urlOf(pageB), last)
  const all = sources * recordsEach
  await toldAtLeast(atB, all)
  await toldAtLeast(moved, all - before.length)
  expectEachOnce(await told(atB))
  expectEachOnce([...before, ...(await told(moved))])
  expect([(await told(atB)).length, before.length + (await told(moved)).length]).toEqual([all, all])
}, 300_000)
