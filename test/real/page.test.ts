/** The page in a real browser, served by real nodes. */
import type { Page, Request } from "playwright-core"
import { beforeAll, describe, expect, it } from "vitest"
import { intelgraph, json, newWorld, put, start } from "../acceptance/world.ts"
import {
  expectAccessible,
  freePort,
  newBrowser,
  openTab,
  tabTo,
  type Watched,
} from "../support/browser.ts"
import type { Started } from "../support/child.ts"

const world = newWorld()
const browser = newBrowser()

const mapping = `version: 1
record: { key: $.id }
entities:
  - { type: person, key: $.id, name: $.name, properties: { city: $.city } }
  - { type: company, key: $.employer, name: $.employer_name }
relationships:
  - { type: works-for, from: { type: person, key: $.id }, to: { type: company, key: $.employer } }
`

const head = "id,name,employer,employer_name,city\n"
const row = (id: number) =>
  id % 6 === 5 ? `${id},Person ${id},ajax,Ajax plc,oslo\n` : `${id},Person ${id},acme,ACME,paris\n`

/** More people at one company than a neighbourhood has room for. */
const people = head + Array.from({ length: 1_300 }, (_, id) => row(id)).join("")
/** Another source says other names; two of its rows have no key. */
const staff = `${head}7,Dr. Seven,acme,ACME Limited,wien\n,Nobody,acme,ACME,\n,No one,acme,ACME,\n`

const configuration = (sources: string, limits = "") =>
  `version: 1\nlimits: { maxBadShare: 0.9${limits} }\n` +
  `tenants: { demo: { sources: [${sources}] } }\n`

const served = async (name: string, sources: string, port = 0): Promise<[string, Started]> => {
  put(world, `${name}.yaml`, configuration(sources))
  const words = ["--config", `${name}.yaml`, "--data-dir", name, "--port", String(port)]
  const node = start(world, "start", ...words)
  return [await node.says(/GraphQL: (\S+)graphql/), node]
}

let full = ""

beforeAll(async () => {
  put(world, "people.yaml", mapping)
  put(world, "people.csv", people)
  put(world, "staff.csv", staff)
  const source = (name: string, file: string, more = "") =>
    `{ name: ${name}, format: csv, file: ${file}, mapping: people.yaml${more} }`
  const sources = [
    source("people", "people.csv"),
    source("staff", "staff.csv", ", priority: 5"),
    source("gone", "nowhere.csv"),
  ]
  full = (await served("full", sources.join(", ")))[0]
})

/** For what is looked at again and again on a machine that does other work too. */
const patient = { timeout: 20_000 }

/** The launcher and the node that it started. */
function killGroup({ child }: Started): void {
  if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
}

const heading = (page: Page, name: string) => page.getByRole("heading", { level: 1, name })
const link = (page: Page) => page.locator(".link-sign")
const asksName = (request: Request) => request.postData()?.includes("query EntityName") === true

function expectQuiet({ complaints, strays }: Watched): void {
  expect(complaints).toEqual([])
  expect(strays).toEqual([])
}

describe("the graph explorer", () => {
  it("leads from a search by neighbours to a path, by keyboard alone", async () => {
    const tab = await openTab(await browser(), full)
    const { page } = tab
    await page.getByText("1,300").first().waitFor()
    await page.keyboard.press("/")
    await page.keyboard.type("dr. sev")
    await page.getByRole("option", { name: /Dr. Seven/ }).waitFor()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await heading(page, "Dr. Seven").waitFor()

    await tabTo(page, ".source-chip")
    await page.keyboard.press("Enter")
    const provenance = page.locator(".provenance")
    await provenance.waitFor()
    expect(await provenance.textContent()).toMatch(/staff.*people.*is weaker and says:Person 7/)

    await page.locator(".graph[data-drawn]").waitFor()
    await tabTo(page, ".graph")
    const told = page.locator(".graph-pane > [role=status]")
    const said: (string | null)[] = []
    for (let step = 0; step < 3; step++) {
      await page.keyboard.press("ArrowRight")
      said.push(await told.textContent())
    }
    expect(said).toEqual([
      "Dr. Seven, person",
      "works for, outgoing: 1 entity, open",
      "ACME Limited, company",
    ])
    await page.keyboard.press("Space")
    await page.getByRole("button", { name: "Collapse" }).waitFor()
    await page.keyboard.press("Enter")
    await heading(page, "ACME Limited").waitFor()

    await tabTo(page, ".entity-head a.button")
    await page.keyboard.press("Enter")
    await heading(page, "Shortest path").waitFor()
    await tabTo(page, "[aria-label='Path to']")
    await page.keyboard.type("Person 11")
    await page.getByRole("option", { name: "Person 11 person", exact: true }).waitFor()
    await page.keyboard.press("Enter")
    await page.getByText("no path").waitFor()
    await tabTo(page, "[aria-label='Path to']", 200)
    await page.keyboard.press("ControlOrMeta+a")
    await page.keyboard.type("Person 12")
    await page.getByRole("option", { name: "Person 12 person", exact: true }).waitFor()
    await page.keyboard.press("Enter")
    await page.locator(".step").nth(1).waitFor()
    expect(await page.locator(".steps").textContent()).toMatch(/ACME Limited.*works for.*Person 12/)
    expectQuiet(tab)
  })

  it("has the focus in a view once it is drawn, and takes nothing from who types", async () => {
    const tab = await openTab(await browser(), `${full}#/search?text=acme&type=company`)
    const { page } = tab
    await page.getByRole("link", { name: /^ACME Limited/ }).click()
    await heading(page, "ACME Limited").waitFor()
    await page.evaluate(`void (window.focusWhenDrawn = new Promise((resolve) =>
      new MutationObserver(() => {
        const drawn = document.querySelector("h1")?.textContent === "Shortest path"
        if (drawn) resolve(document.activeElement.id)
      }).observe(document.body, { childList: true, subtree: true, characterData: true })))`)
    await page.locator(".entity-head a.button").click()
    expect(await page.evaluate("focusWhenDrawn")).toBe("main")

    let tellNames = () => {}
    const told = new Promise<void>((resolve) => {
      tellNames = resolve
    })
    await page.route("**/graphql", async (route) => {
      if (asksName(route.request())) await told
      await route.continue()
    })
    const end = page.getByRole("combobox", { name: "Path to" })
    const option = (name: string) =>
      page.getByRole("option", { name: `${name} person`, exact: true })
    await end.fill("Person 11")
    await option("Person 11").click()
    await page.getByText("no path").waitFor()
    await end.fill("Person 1")
    await option("Person 1").waitFor()
    await end.press("Escape")
    const named = page.waitForResponse((response) => asksName(response.request()))
    tellNames()
    await (await named).finished()
    await end.press("2")
    await option("Person 12").waitFor()
    expect(await end.inputValue()).toBe("Person 12")
    expectQuiet(tab)
  })

  it("says what it left out of thousands, and lists them all", async () => {
    const tab = await openTab(await browser(), full)
    const { page } = tab
    await page.getByText("1,300").first().waitFor()
    await page.keyboard.press("/")
    await page.keyboard.type("acme")
    await page.getByRole("option", { name: /^ACME/ }).first().waitFor()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await heading(page, "ACME Limited").waitFor()
    await page.getByText("the graph has the first 1,000, the list has all").waitFor()
    await page.getByText("1,000+").first().waitFor()
    await page.getByRole("button", { name: "List" }).click()
    const rows = page.locator(".list-pane a.row")
    await expect.poll(() => rows.count(), patient).toBe(50)
    await page.getByRole("button", { name: "Show more relationships" }).click()
    await expect.poll(() => rows.count(), patient).toBe(100)
    await rows.first().focus()
    await page.keyboard.press("End")
    const last = await rows.last().getAttribute("href")
    expect(await page.evaluate("document.activeElement.getAttribute('href')")).toBe(last)
    expectQuiet(tab)
  })

  it("keeps its place in the address: a reload and the way back show the same", async () => {
    const tab = await openTab(await browser(), `${full}#/search?text=person&type=person`)
    const { page } = tab
    await page.getByRole("link", { name: /^Person 0 / }).waitFor()
    await page.getByRole("link", { name: /^Person 1000 / }).click()
    await heading(page, "Person 1000").waitFor()
    await page.reload()
    await heading(page, "Person 1000").waitFor()
    await page.goBack()
    await heading(page, "Found for").waitFor()
    expect(await page.getByLabel("Type").inputValue()).toBe("person")
    await page.goto(`${full}#/nothing/here`)
    await heading(page, "Nothing here").waitFor()
    expectQuiet(tab)
  })
})

describe("what is broken", () => {
  it("is seen at a glance, and each dead letter with its reason and bytes", async () => {
    const tab = await openTab(await browser(), full)
    const { page } = tab
    const strip = page.getByRole("region", { name: "What needs a look" })
    await strip.getByText("1 source failed").waitFor()
    await page.getByText("There is no such file").waitFor()
    await strip.getByRole("link", { name: "2 dead letters" }).click()
    await heading(page, "Dead letters").waitFor()
    const letter = page.locator(".letter").first()
    await letter.getByText("missing-key").waitFor()
    await letter.getByRole("button", { name: /Show record/ }).click()
    expect(await letter.locator(".bytes").textContent()).toMatch(/^,No.{3,5},acme,ACME,$/)
    await letter.getByRole("button", { name: "Hex" }).click()
    expect(await letter.locator(".bytes").textContent()).toContain("000000  2c 4e 6f")
    await page.goto(`${full}#/dead-letters?source=people`)
    await page.getByText("No record stands aside for this.").waitFor()
    expectQuiet(tab)
  })
})

describe("the node", () => {
  it("shows its actors as a tree that arrow keys walk", async () => {
    const tab = await openTab(await browser(), `${full}#/node`)
    const { page } = tab
    const tree = page.getByRole("treegrid", { name: "Actors" })
    await tree.getByText("graph-sink").waitFor()
    await tabTo(page, "tr[data-address]")
    const rows = await tree.locator("tbody tr").count()
    await page.keyboard.press("ArrowDown")
    expect(await page.evaluate("document.activeElement.ariaLevel")).toBe("2")
    await page.keyboard.press("ArrowLeft")
    await expect.poll(() => tree.locator("tbody tr").count(), patient).toBeLessThan(rows)
    await page.keyboard.press("ArrowRight")
    await expect.poll(() => tree.locator("tbody tr").count(), patient).toBe(rows)
    await page.keyboard.press("End")
    await page.getByRole("region", { name: "Actor", exact: true }).waitFor()
    expectQuiet(tab)
  })

  it("shows what is read while it is read, with how far it is", async () => {
    const source = "{ name: slow, format: csv, file: people.csv, mapping: people.yaml }"
    put(world, "slow.yaml", configuration(source, ", recordsPerSecondMax: 60"))
    const node = start(world, "start", "--config", "slow.yaml", "--data-dir", "slow", "--port", "0")
    const url = await node.says(/Look at it: (\S+)/)
    const tab = await openTab(await browser(), url)
    const bar = tab.page.getByRole("progressbar", { name: "slow is read" })
    await bar.waitFor()
    const read = tab.page.locator(".source dd").first()
    const first = Number(await read.textContent())
    await expect.poll(async () => Number(await read.textContent()), patient).toBeGreaterThan(first)
    await tab.page.goto(`${url}#/changes`)
    await tab.page.locator(".changes a").nth(3).waitFor()
    await expectAccessible(tab.page, "running")
    expectQuiet(tab)
    killGroup(node)
  })
})

describe("live", () => {
  it("fills an empty graph, and shows a changed name, without a reload", async () => {
    const [url] = await served("growing", "")
    const tab = await openTab(await browser(), url)
    const { page } = tab
    await page.getByText("The graph is empty").waitFor()
    await page.getByText("intelgraph ingest").waitFor()
    await page.evaluate("window.notReloaded = true")
    const ingest = async (name: string) => {
      put(world, "one.csv", `${head}1,${name},acme,ACME,paris\n`)
      const words = ["--source", "one", "--mapping", "people.yaml", "one.csv"]
      await json(world, "ingest", "--data-dir", "growing", "--config", "growing.yaml", ...words)
    }
    await ingest("Ada")
    await page.locator(".changes").getByRole("link", { name: "Ada" }).click()
    await heading(page, "Ada").waitFor()
    // It is said for a few seconds only.
    const said = page.getByText("Ada Lovelace changed just now.").waitFor({ state: "attached" })
    await Promise.all([said, ingest("Ada Lovelace")])
    await heading(page, "Ada Lovelace").waitFor()
    await page.getByRole("link", { name: "Changes" }).click()
    await page.getByText("3 since this page was opened").waitFor()
    expect(await page.evaluate("window.notReloaded")).toBe(true)
    expectQuiet(tab)
  })

  it("comes back after the node was killed, with what changed meanwhile", async () => {
    const port = await freePort()
    const [url, node] = await served("killed", "", port)
    const { page, strays } = await openTab(await browser(), `${url}#/changes`)
    await link(page).getByText("Live").waitFor()
    const ingest = async (id: number) => {
      put(world, "id.csv", `${head}${id},Person ${id},acme,ACME,paris\n`)
      const words = ["--source", `s${id}`, "--mapping", "people.yaml", "id.csv"]
      await json(world, "ingest", "--data-dir", "killed", "--config", "killed.yaml", ...words)
    }
    await ingest(1)
    await page.getByRole("link", { name: "Person 1" }).waitFor()
    killGroup(node)
    await node.ended
    await link(page).getByText("Offline").waitFor()
    await ingest(2)
    await served("killed", "", port)
    await link(page).getByText("Live").waitFor()
    await page.getByRole("link", { name: "Person 2" }).waitFor()
    const names = await page.locator(".changes .change-name").allTextContents()
    expect(names.filter((name) => name === "Person 1")).toHaveLength(1)
    expect(strays).toEqual([])
  })
})

describe("tokens", () => {
  const token = async (scope: string) => {
    const words = ["--data-dir", "closed", "--config", "closed.yaml", "--scope", scope]
    return await json(world, "token", "create", ...words)
  }

  it("are asked for, kept out of the address, and obeyed", async () => {
    const [url] = await served("closed", "")
    const reader = await token("read")
    const operator = await token("read,operate")
    const tab = await openTab(await browser(), `${url}#/node`)
    const { page } = tab
    await heading(page, "A token, please").waitFor()
    await page.getByText("This node answers those who bring a token.").waitFor()
    await expectAccessible(page, "token form")
    const enter = async (text: string) => {
      await page.getByLabel("Token").fill(text)
      await page.keyboard.press("Enter")
    }
    await enter("ig_wrong")
    await page.getByText("does not take this token").waitFor()
    await enter(reader.token)
    await link(page).getByText("Live").waitFor()
    await page
      .getByText(/actors needs a token with scope operate/)
      .first()
      .waitFor()
    await page.getByText("No source has brought anything yet.").waitFor()
    await page.goto(`${url}#/dead-letters`)
    await page.getByText(/deadLetters needs a token with scope operate/).waitFor()
    await page.reload()
    await link(page).getByText("Live").waitFor()
    expect(page.url()).toBe(`${url}#/dead-letters`)

    await page.getByRole("button", { name: "Forget the token" }).click()
    await enter(operator.token)
    await page.goto(`${url}#/node`)
    await page.getByText("graph-sink").waitFor()
    const words = ["--data-dir", "closed", "--config", "closed.yaml"]
    await intelgraph(world, "token", "revoke", ...words, operator.id)
    await page.getByText("does not take this token").waitFor({ timeout: 15_000 })
    expect(tab.strays).toEqual([])
    // The browser itself complains of each 401 and 403, and nothing else is wrong.
    expect(tab.complaints.filter((said) => !/status of 40[13] /.test(said))).toEqual([])
  })
})

describe("colours", () => {
  it("follow the system and the switch, which is remembered", async () => {
    const ground = "getComputedStyle(document.documentElement).backgroundColor"
    const tab = await openTab(await browser(), full, { colorScheme: "dark" })
    const { page } = tab
    const dark = await page.evaluate(ground)
    await page.emulateMedia({ colorScheme: "light" })
    const light = await page.evaluate(ground)
    expect(light).not.toBe(dark)
    await page.locator(".theme-switch").click()
    await page.locator(".theme-switch").click()
    expect(await page.evaluate(ground)).toBe(dark)
    await page.reload()
    expect(await page.evaluate(ground)).toBe(dark)
    expectQuiet(tab)
  })
})

describe("every view", () => {
  const acme = Buffer.from("company:acme").toString("base64url")
  const seven = Buffer.from("person:7").toString("base64url")
  const views: readonly (readonly [name: string, hash: string, ready: string])[] = [
    ["overview", "#/", ".sources"],
    ["search", "#/search?text=person", "a.row"],
    ["an entity", `#/entity/${seven}`, ".property"],
    ["a large entity", `#/entity/${acme}`, ".property"],
    ["a path", `#/path/${acme}/${seven}`, ".step"],
    ["node", "#/node", "tr[data-address]"],
    ["dead letters", "#/dead-letters", ".letter"],
    ["changes", "#/changes", ".panel"],
    ["nowhere", "#/what", "h1"],
  ]

  it.each(["light", "dark"] as const)("has nothing that axe finds serious, %s", async (scheme) => {
    for (const viewport of [
      { width: 1280, height: 800 },
      { width: 380, height: 800 },
    ]) {
      const tab = await openTab(await browser(), full, { colorScheme: scheme, viewport })
      const { page } = tab
      for (const [name, hash, ready] of views) {
        await page.goto(full + hash)
        await page.locator(ready).first().waitFor()
        const state = `${name} at ${viewport.width}`
        await expectAccessible(page, state)
        const width = await page.evaluate("document.documentElement.scrollWidth")
        expect([state, width]).toEqual([state, viewport.width])
      }
      await page.goto(`${full}#/entity/${seven}`)
      await page.locator(".source-chip").first().click()
      await expectAccessible(page, "provenance")
      await page.goto(`${full}#/dead-letters`)
      await page.locator(".letter-toggle").first().click()
      await expectAccessible(page, "a dead letter")
      await page.keyboard.press("/")
      await page.keyboard.type("person")
      await page.getByRole("option").first().waitFor()
      await expectAccessible(page, "suggestions")
      expectQuiet(tab)
    }
  })

  it("has nothing that axe finds serious where the graph is empty", async () => {
    const [url] = await served("empty", "")
    for (const colorScheme of ["light", "dark"] as const) {
      const tab = await openTab(await browser(), url, { colorScheme })
      await tab.page.getByText("The graph is empty").waitFor()
      await expectAccessible(tab.page, `empty, ${colorScheme}`)
      expectQuiet(tab)
    }
  })
})

describe("the first view", () => {
  it("is there within a second, and nothing of it moves", async () => {
    const millis: number[] = []
    for (let load = 0; load < 3; load++) {
      const { page } = await openTab(await browser(), full)
      await page.getByRole("combobox", { name: "Search entities" }).waitFor()
      await page.locator(".tile-value").getByText("1,302").waitFor()
      millis.push(Number(await page.evaluate("performance.now()")))
      const shift = await page.evaluate(`new Promise((resolve) => {
        let sum = 0
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) sum += entry.value
        }).observe({ type: "layout-shift", buffered: true })
        setTimeout(() => resolve(sum), 300)
      })`)
      expect(shift).toBeLessThan(0.1)
    }
    expect(Math.min(...millis)).toBeLessThan(1_000)
  })
})
