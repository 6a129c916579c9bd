import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterAll, describe, expect, it } from "vitest"
import { loadSettings, variables } from "../../cli/configuration.ts"
import { scheduleOf } from "../../cli/schedules.ts"
import type { Given } from "../../cli/verb.ts"
import { Invalid } from "../../protocols/errors.ts"
import { run, runSync } from "../support/run.ts"

const root = mkdtempSync(join(tmpdir(), "intelgraph-configuration-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let folders = 0

/** A folder with this configuration in it. */
function folderWith(text?: string): string {
  const folder = join(root, String(folders++))
  mkdirSync(folder)
  if (text !== undefined) writeFileSync(join(folder, "intelgraph.yaml"), text)
  return folder
}

const load = (folder: string, flags: Given["flags"] = {}, env: { [name: string]: string } = {}) =>
  run(loadSettings({ words: [], flags }, { env, folder }))

async function refusal(text: string): Promise<Invalid> {
  const folder = folderWith(text)
  const error = await run(Effect.flip(loadSettings({ words: [], flags: {} }, { env: {}, folder })))
  if (!(error instanceof Invalid)) throw new Error(`it is ${String(error)}`)
  return error
}

describe("settings", () => {
  it("come from flags before variables before the file before defaults", async () => {
    const folder = folderWith("version: 1\ngateway: {port: 1}\ntenant: from-file\n")
    const env = { [variables.port]: "2", [variables.maxBadShare]: "0.5" }
    const all = await load(folder, { port: "3" }, env)
    expect(all.port).toEqual({ value: 3, from: "flag" })
    expect(all.maxBadShare).toEqual({ value: 0.5, from: "environment" })
    expect(all.tenant).toEqual({ value: "from-file", from: "file" })
    expect(all.host).toEqual({ value: "127.0.0.1", from: "default" })
    expect((await load(folder, {}, env)).port).toEqual({ value: 2, from: "environment" })
    expect((await load(folder)).port).toEqual({ value: 1, from: "file" })
  })

  it("are the defaults where there is no file, and nothing is loaded for it", () => {
    const settings = runSync(loadSettings({ words: [], flags: {} }, { env: {}, folder: root }))
    expect(settings.file).toBeUndefined()
    expect(settings.dataDir).toEqual({ value: join(root, "intelgraph-data"), from: "default" })
    expect(settings.tenant.value).toBe("demo")
  })

  it("name servers whose passwords nobody is shown", async () => {
    const folder = folderWith("version: 1\npostgres: {url: 'postgres://me@db/graph'}\n")
    const env = { [variables.nats]: "nats://me:secret@one:4222,nats://two:4222" }
    const { nats, postgres } = await load(folder, {}, env)
    expect(nats.value?.reveal()).toBe(env[variables.nats])
    expect(nats.value?.userIn()).toEqual({ user: "me", password: "secret" })
    expect(nats.value?.withoutUser()).toBe("nats://one:4222,nats://two:4222")
    expect(postgres).toMatchObject({ from: "file" })
    const shown = [`${nats.value}`, JSON.stringify({ nats, postgres }), String(postgres.value)]
    expect(shown.join()).not.toContain("secret")
    expect(shown[0]).toBe("nats://me:***@one:4222,nats://two:4222")
  })

  it("name Postgres beside Neo4j, and Redis with a password in the variable alone", async () => {
    const graph = "neo4j: {url: 'bolt://db'}\npostgres: {url: 'postgres://db/graph'}\n"
    const folder = folderWith(`version: 1\n${graph}redis: {url: 'rediss://cache'}\n`)
    const { neo4j, postgres, redis } = await load(folder)
    const shown = [neo4j, postgres, redis].map(({ value }) => `${value}`)
    expect(shown).toEqual(["bolt://db", "postgres://db/graph", "rediss://cache"])
    const env = { [variables.redis]: "redis://:secret@cache:6379/1" }
    const given = await load(folder, { redis: "redis://me:secret@flag" }, env)
    expect(given.redis).toMatchObject({ from: "flag" })
    expect(given.redis.value?.reveal()).toBe("redis://me:secret@flag")
    const told = [JSON.stringify(given), `${(await load(folder, {}, env)).redis.value}`]
    expect(told.join()).not.toContain("secret")
    const inFile = await refusal("version: 1\nredis: {url: 'redis://:secret@cache'}\n")
    expect(inFile.message).toMatch(/^redis of the file holds a password/)
    expect((await refusal("version: 1\nredis: {url: 'http://cache'}\n")).message).toMatch(
      /no address of a server, such as redis:/,
    )
  })

  it("refuse a password in a file, and what is no address, without telling it", async () => {
    const inFile = await refusal("version: 1\npostgres: {url: 'postgres://me:secret@db/graph'}\n")
    expect(inFile.message).toMatch(/^postgres of the file holds a password/)
    const folder = folderWith()
    for (const text of ["secret", "http://me:secret@db", "nats://one,secret"]) {
      const given = { words: [], flags: { nats: text } }
      const error = await run(Effect.flip(loadSettings(given, { env: {}, folder })))
      expect(error.message).toMatch(/^--nats is no address of a server, such as nats:/)
      expect(error.message).not.toContain("secret")
    }
    expect(inFile.message).not.toContain("secret")
  })

  it("take paths of the file relative to it, and those of flags to the folder", async () => {
    const folder = folderWith(
      "version: 1\ndataDir: kept\ntenants:\n  demo:\n    sources:\n" +
        "      - {name: a, format: csv, file: in/a.csv, mapping: m.yaml}\n",
    )
    const elsewhere = folderWith()
    const config = join(folder, "intelgraph.yaml")
    const settings = await load(elsewhere, { config })
    expect(settings.dataDir.value).toBe(join(folder, "kept"))
    expect(settings.tenants[0]?.sources[0]).toMatchObject({
      file: join(folder, "in/a.csv"),
      mapping: join(folder, "m.yaml"),
    })
    const flagged = await load(elsewhere, { config, "data-dir": "here" })
    expect(flagged.dataDir.value).toBe(join(elsewhere, "here"))
  })

  it("refuse a variable that nobody knows", async () => {
    const folder = folderWith()
    await expect(load(folder, {}, { INTELGRAPH_PROT: "1" })).rejects.toThrow("INTELGRAPH_PROT")
  })

  it.each([
    ["port", variables.port, "70000", "a whole number from 0 to 65535"],
    ["port", variables.port, "4e3", "a whole number"],
    ["max-bad", variables.maxBadShare, "10", "a share from 0 to 1"],
    ["max-bad", variables.maxBadShare, "", "a share from 0 to 1"],
    ["tenant", variables.tenant, "acme.corp", "is no tenant"],
  ])("refuse a bad --%s and %s alike: %s", async (flag, variable, text, sentence) => {
    const folder = folderWith()
    await expect(load(folder, { [flag]: text })).rejects.toThrow(`--${flag}`)
    await expect(load(folder, {}, { [variable]: text })).rejects.toThrow(sentence)
  })
})

const sourceWith = (times: string): string =>
  `version: 1\ntenants:\n  demo:\n    sources:\n      - {name: a, format: csv, file: a, ${times}}\n`

describe("intelgraph.yaml", () => {
  it.each([
    ["version: 1\ngateway:\n  prot: 1\n", 3, 3, "There is no key prot here."],
    ["version: 1\nfly: true\n", 2, 1, "There is no key fly here."],
    ["version: 2\n", 1, 1, "version"],
    ["version: 1\ngateway: {port: 70000}\n", 2, 11, "gateway.port"],
    ["version: 1\na: &x 1\ntenant: *x\n", 3, 9, "aliases"],
    ["version: 1\ntenants:\n  acme.corp: {}\n", 3, 3, "A tenant's name"],
    [
      "version: 1\ntenants:\n  demo:\n    sources:\n      - {name: a, format: csv, file: a}\n" +
        "      - {name: a, format: csv, file: b}\n",
      6,
      10,
      "two sources",
    ],
    [sourceWith("every: 15x"), 5, 41, "every"],
    [sourceWith("every: 0s"), 5, 41, "a number with s, m, h or d"],
    [sourceWith("every: 400d"), 5, 41, "every is 400d; it is 1s to 366d"],
    [sourceWith("every: 1h, cron: '0 3 * * *'"), 5, 52, "every or cron, not both"],
    [sourceWith("every: 1h, timeZone: UTC"), 5, 52, "A time zone belongs to cron"],
    [sourceWith("cron: '0 3 * *'"), 5, 41, "Invalid number of segments"],
    [sourceWith("cron: '0 0 30 2 *'"), 5, 41, "a day that never comes"],
    [sourceWith("cron: '0 3 * * *', timeZone: Mars/Base"), 5, 41, "in Mars/Base"],
    ["version: 1\nversion: 1\n", 2, 1, "no YAML"],
    ["version: [1\n", 2, 1, "no YAML"],
  ])("is refused with line and column: %j", async (text, line, column, sentence) => {
    const error = await refusal(text)
    expect([error.line, error.column, error.message]).toEqual([
      line,
      column,
      expect.stringContaining(sentence),
    ])
    expect(error.message).toContain(`line ${line}, column ${column}`)
  })

  it.each([
    ["every: 15m", "every 15m"],
    ["cron: '0 3 * * *'", "cron 0 3 * * * UTC"],
    ["cron: '0 3 * * 1-5', timeZone: Europe/Berlin", "cron 0 3 * * 1-5 Europe/Berlin"],
  ])("says when a source is read again: %s", async (times, text) => {
    const [source] = (await load(folderWith(sourceWith(times)))).tenants[0]?.sources ?? []
    expect(scheduleOf(source ?? {}, Date.now())?.text).toBe(text)
  })

  it("is refused where a name leads to nothing", async () => {
    await expect(load(folderWith(), { config: "gone.yaml" })).rejects.toThrow("There is no")
  })
})
