/** Debian's chromium as a person's browser, which notices what a person would not. */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { createServer } from "node:net"
import type { Browser, BrowserContextOptions, Page } from "playwright-core"
import { chromium } from "playwright-core"
import { afterAll, expect, onTestFinished } from "vitest"

/** Launched at the first use, closed after the file's tests. */
export function newBrowser(): () => Promise<Browser> {
  let launched: Promise<Browser> | undefined
  afterAll(async () => {
    await (await launched)?.close()
  })
  return () => {
    launched ??= chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      // The sandbox needs rights that root in a container does not have.
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
    })
    return launched
  }
}

export interface Watched {
  readonly page: Page
  /** What the console said is wrong, and errors that nothing caught. */
  readonly complaints: readonly string[]
  /** Requests that went anywhere but to the node. */
  readonly strays: readonly string[]
}

/** A tab of its own, closed when the test ends. */
export async function openTab(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
  onTestFinished(() => context.close())
  const page = await context.newPage()
  const complaints: string[] = []
  const strays: string[] = []
  const { host } = new URL(url)
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text())
  })
  page.on("pageerror", (error) => complaints.push(String(error.stack)))
  const look = (asked: string) => {
    const { protocol, host: other } = new URL(asked)
    if (!["data:", "blob:"].includes(protocol) && other !== host) strays.push(asked)
  }
  page.on("request", (request) => look(request.url()))
  page.on("websocket", (socket) => look(socket.url()))
  await page.goto(url)
  return { page, complaints, strays }
}

/** Presses Tab until the focus is on what is looked for, as somebody without a mouse does. */
export async function tabTo(page: Page, selector: string, pressesMax = 120): Promise<void> {
  for (let presses = 0; presses < pressesMax; presses++) {
    await page.keyboard.press("Tab")
    const isThere = await page.evaluate(
      `document.activeElement?.matches(${JSON.stringify(selector)}) === true`,
    )
    if (isThere) return
  }
  throw new Error(`Tab does not lead to ${selector}.`)
}

const require = createRequire(import.meta.url)

interface Violation {
  readonly id: string
  readonly impact: string | null
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
}

/** What axe-core finds serious or critical in the page as it stands. */
export async function expectAccessible(page: Page, state: string): Promise<void> {
  const isThere = await page.evaluate("typeof axe === 'object'")
  if (!isThere) await page.evaluate(readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"))
  const violations = (await page.evaluate(
    "axe.run(document, { resultTypes: ['violations'] }).then((result) => result.violations)",
  )) as readonly Violation[]
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical")
  const told = grave.map(({ id, nodes }) => [
    state,
    id,
    nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`),
  ])
  expect(told).toEqual([])
}

/** A port that nobody listened on a moment ago. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() =>
        resolve(typeof address === "object" && address !== null ? address.port : 0),
      )
    })
  })
