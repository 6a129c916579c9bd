/**
 * Two nodes over one log and one graph, and a browser on each: what is committed by either is told
 * by both, and a browser whose node is killed goes on at the other with its token. What is written
 * to either is taken once, and goes on at the other.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Page } from "playwright-core"
import { expect, it, vi } from "vitest"
import { query } from "../gateway/support.ts"
import { newBrowser, openTab } from "../support/browser.ts"
import { start } from "../support/command.ts"
import { sharedFolder, sharedServers } from "../support/shared-servers.ts"

const sources = 4
const recordsEach = 2_000
const recordsPerSecond = 250

const folder = sharedFolder()
const browser = newBrowser()
const servers = sharedServers("nats", "postgres")

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

function serving() {
  const env = servers.env("nats", "postgres")
  return (name: string) =>
    start({ folder, env }, "start", "--port", "0", "--node", name, "--data-dir", name)
}

it("tells each browser every change once, also the one whose node is killed", async () => {
  const names = writeSources()
  configure([])
  const serve = serving()
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

const writes = 60
const recordsOfWrite = 5
const writtenSources = 6

const writeDocument = `mutation ($source: String!, $key: String!, $records: [JSON!]!) {
  ingest(source: $source, idempotencyKey: $key, records: $records, waitMillis: 20000) {
    state accepted read duplicates
  }
}`
const receiptDocument = `query ($key: String!) {
  receipt(idempotencyKey: $key) { state accepted read duplicates }
}`

interface Told {
  readonly state: string
  readonly read: number
  readonly accepted: number
  readonly duplicates: number
}

interface Counted {
  readonly sources: readonly { readonly source: string }[]
}

/** Where writes may be sent now, and what the nodes have logged. */
interface Nodes {
  urls: readonly string[]
  readonly logged: string[]
}

/** As a client does: whoever does not answer for good is followed by the next, under one key. */
async function write(n: number, nodes: Nodes): Promise<Told> {
  const source = `w${n % writtenSources}`
  const records = Array.from({ length: recordsOfWrite }, (_, r) => ({ id: `${n} ${r}` }))
  for (let turn = n; ; turn++) {
    const url = nodes.urls[turn % nodes.urls.length] ?? ""
    const variables = { source, key: `write ${n}`, records }
    const answer = await query(url, writeDocument, variables).catch(() => undefined)
    const told = answer?.json().data?.ingest as Told | null | undefined
    if (told?.state === "COMMITTED") return told
    const [error] = answer?.json().errors ?? []
    if (error !== undefined) {
      expect(error.extensions?.code, nodes.logged.join("")).toBe("UNAVAILABLE")
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

it("takes each write to either once, also those that a killed node had taken", async () => {
  configure([])
  const serve = serving()
  const [a, b] = [serve("writes-a"), serve("writes-b")]
  const urlA = await a.says(/GraphQL: (\S+)/)
  const urlB = await b.says(/GraphQL: (\S+)/)
  const nodes: Nodes = { urls: [urlA, urlB], logged: [] }
  for (const { child } of [a, b]) {
    child.stderr?.on("data", (text: string) => nodes.logged.push(text))
  }
  let committed = 0
  let isKilled = false
  const written = async (n: number) => {
    // Some are sent to both at the same time.
    const all = await Promise.all(
      Array.from({ length: n % 3 === 0 ? 2 : 1 }, () => write(n, nodes)),
    )
    committed += 1
    if (committed > writes / 3 && !isKilled) {
      isKilled = true
      a.child.kill("SIGKILL")
      await a.ended
      nodes.urls = [urlB]
    }
    return all
  }
  const told = await Promise.all(Array.from({ length: writes }, (_, n) => written(n)))
  const right = {
    state: "COMMITTED",
    accepted: recordsOfWrite,
    read: recordsOfWrite,
    duplicates: 0,
  }
  // Also of those that were under way when their node was killed, and came again behind others.
  for (const one of told.flat()) expect(one).toEqual(right)
  const again = serve("writes-a")
  const urlAgain = await again.says(/GraphQL: (\S+)/)
  for (const url of [urlAgain, urlB]) {
    for (let n = 0; n < writes; n++) {
      const answer = await query(url, receiptDocument, { key: `write ${n}` })
      expect(answer.json().data?.receipt).toEqual(right)
    }
  }
  const answer = await query(urlB, "{ stats { sources { source accepted duplicates } } }")
  const stats = answer.json().data?.stats as Counted | undefined
  const accepted = (writes / writtenSources) * recordsOfWrite
  expect(stats?.sources.filter(({ source }) => /^w/.test(source))).toEqual(
    Array.from({ length: writtenSources }, (_, n) => ({
      source: `w${n}`,
      accepted,
      duplicates: 0,
    })),
  )
}, 300_000)
