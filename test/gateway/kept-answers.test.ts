import { expect, it } from "vitest"
import { AccessControl } from "../../gateway/access/control.ts"
import { memoryAccessStore } from "../../gateway/access/memory-store.ts"
import { KeptAnswers } from "../../gateway/kept-answers.ts"
import {
  answerKeptLengthMax,
  answersKeptLengthMax,
  answersKeptMax,
} from "../../protocols/limits.ts"
import { liveWorld } from "./live/world.ts"
import { ask } from "./support.ts"

const control = () => new AccessControl({ store: memoryAccessStore(), openTenant: "demo" })
const addressOf = (url: string, document: string) => `${url}?query=${encodeURIComponent(document)}`
const names = "{ entities { items { key name } } }"

it("answers from what it keeps until something is committed, and never after", async () => {
  const world = await liveWorld()
  const address = addressOf(world.url, names)
  const get = (tag?: string) => ask(address, tag === undefined ? {} : hold(tag))
  let tag = (await get()).headers.etag as string
  for (const name of ["A", "B", "C"]) {
    await world.say([{ key: "a", name }])
    const { status, headers, text } = await get(tag)
    expect([status, text]).toEqual([200, expect.stringContaining(`"name":"${name}"`)])
    expect(headers.etag).not.toBe(tag)
    tag = headers.etag as string
    expect((await get()).text).toBe(text)
    for (const held of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
      const again = await get(held)
      expect([again.status, again.text, again.headers.etag]).toEqual([304, "", tag])
    }
    expect((await get('"other"')).status).toBe(200)
  }
  await world.say([{ key: "b", name: "B" }], "other")
  expect((await get(tag)).status).toBe(304)
  expect(await world.metrics()).toMatch(/kept_answers_total\{found="hit"\} 19\n/)
})

it("shows a write from the moment that it is acknowledged, whoever reads meanwhile", async () => {
  const world = await liveWorld()
  const address = addressOf(world.url, names)
  const seenIn = (text: string) => Number(JSON.parse(text).data.entities.items[0]?.name ?? 0)
  let acknowledged = 0
  let isOver = false
  let reads = 0
  const reader = async () => {
    let [tag, seen] = ["", 0]
    while (!isOver) {
      const due = acknowledged
      const { status, text, headers } = await ask(address, hold(tag))
      if (status === 200) [tag, seen] = [String(headers.etag), seenIn(text)]
      expect(seen).toBeGreaterThanOrEqual(due)
      reads += 1
    }
  }
  const readers = Promise.all([reader(), reader(), reader()])
  for (let name = 1; name <= 50; name++) {
    await world.say([{ key: "a", name: String(name) }])
    acknowledged = name
    // The first of the two makes what is kept, the second may be given it.
    for (const _ of ["made", "kept"]) expect(seenIn((await ask(address)).text)).toBe(name)
  }
  isOver = true
  await readers
  expect(reads).toBeGreaterThan(20)
})

const hold = (tag: string) => ({ headers: { "if-none-match": tag } })

it("keeps what tenants and scopes see apart, though it be the same", async () => {
  const held = control()
  const world = await liveWorld({ control: held })
  const token = (tenant: string, ...scopes: string[]) =>
    held.create("test", { tenant, scopes, label: "", lastsMillis: 60_000 })
  for (const tenant of ["one", "two"]) await world.say([{ key: "a", name: "A" }], tenant)
  const get = async ({ text }: { readonly text: string }, tag = "") => {
    const headers = { authorization: `Bearer ${text}`, "if-none-match": tag }
    return ask(addressOf(world.url, names), { headers })
  }
  const first = await get(token("one", "read"))
  const tag = first.headers.etag as string
  expect((await get(token("one", "read"), tag)).status).toBe(304)
  const others = [token("two", "read"), token("one", "read", "write"), token("one", "write")]
  const answers = await Promise.all(others.map((other) => get(other, tag)))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 403])
  expect(answers[0]?.text).toBe(first.text)
  const revoked = token("one", "read")
  await get(revoked)
  held.revoke("test", revoked.token.id)
  expect((await get(revoked, tag)).status).toBe(401)
})

it("keeps neither errors, nor what commits do not decide, nor what is long", async () => {
  const world = await liveWorld()
  await world.say([{ key: "a", name: "x".repeat(answerKeptLengthMax) }])
  const unkept = ['{ entity(id: "no") { key } }', "{ no }", "{ progress { source } }", names]
  for (const document of unkept) {
    const address = addressOf(world.url, document)
    expect((await ask(address)).text).toBe((await ask(address)).text)
  }
  expect(await world.metrics()).toMatch(/kept_answers\{?\}? 0\n/)
})

it("bounds what it keeps in number and characters", async () => {
  const { store } = await liveWorld()
  const { recent: kept } = new KeptAnswers(store.reads)
  const answer = { tag: "", version: "1", acknowledged: undefined }
  const keep = (at: number, text: string) => kept.keep(`${at}`, { ...answer, text })
  for (let at = 0; at < 2 * answersKeptMax; at++) keep(at, "x")
  expect(kept.count).toBe(answersKeptMax)
  expect(kept.find(`${answersKeptMax - 1}`)).toBeUndefined()
  expect(kept.find(`${answersKeptMax}`)?.text).toBe("x")
  const large = "x".repeat(answerKeptLengthMax - 100)
  for (let at = 0; at < 100; at++) keep(at, large)
  expect(kept.length).toBeLessThanOrEqual(answersKeptLengthMax)
  expect(kept.length).toBeGreaterThan(answersKeptLengthMax - answerKeptLengthMax)
})
