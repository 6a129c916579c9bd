import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { makeCertificate, writeCertificate } from "../support/certificate.ts"
import { intelgraph, start } from "../support/command.ts"
import { temporaryFolder } from "../support/scoped.ts"

const json = async (folder: string, ...words: readonly string[]) =>
  JSON.parse((await intelgraph({ folder }, ...words, "--json")).out)

const token = async (folder: string, ...words: readonly string[]) => {
  const ended = await intelgraph({ folder }, "token", "create", ...words)
  expect(ended.code).toBe(0)
  return ended.out.trim()
}

/** A node over no sources; where it is asked. */
async function node(folder: string) {
  writeFileSync(join(folder, "intelgraph.yaml"), "version: 1\n")
  const started = start({ folder }, "start", "--port", "0")
  const url = await started.says(/GraphQL: (\S+)/)
  return { ...started, url }
}

const ask = (url: string, text?: string) =>
  fetch(`${url}?query={stats{entities}}`, {
    headers: text === undefined ? {} : { authorization: `Bearer ${text}` },
  }).then(({ status }) => status)

describe("intelgraph token", () => {
  it("makes a token before any node, shows it once, lists and revokes it", async () => {
    const folder = temporaryFolder()
    const words = [
      "--tenant",
      "acme",
      "--scope",
      "write,read",
      "--label",
      "laptop",
      "--expires",
      "12h",
    ]
    const made = await intelgraph({ folder }, "token", "create", ...words)
    expect(made.out).toMatch(/^ig_[a-z2-7]{12}_[A-Za-z0-9_-]{43}\n$/)
    expect(made.err).toMatch(/shown this once/)
    expect(made.err).toMatch(/It is the first/)
    const { tokens } = await json(folder, "token", "list")
    expect(tokens).toMatchObject([
      { tenant: "acme", scopes: ["read", "write"], label: "laptop", state: "good", revoked: null },
    ])
    const [{ id, created, expires }] = tokens
    expect(Date.parse(expires) - Date.parse(created)).toBe(12 * 3_600_000)
    const listed = await intelgraph({ folder }, "token", "list")
    expect(listed.out).toContain("laptop")
    expect(listed.out + JSON.stringify(tokens)).not.toContain(made.out.trim().slice(16))
    expect((await intelgraph({ folder }, "token", "revoke", id)).out).toContain("is revoked since")
    expect((await json(folder, "token", "list")).tokens).toMatchObject([{ id, state: "revoked" }])
    expect((await intelgraph({ folder }, "token", "create", "--scope", "read")).err).not.toMatch(
      /It is the first/,
    )
    const { rows } = await json(folder, "audit")
    expect(rows.map(({ action, tenant }: { [name: string]: string }) => [action, tenant])).toEqual([
      ["token create", "demo"],
      ["token revoke", "acme"],
      ["token create", "acme"],
    ])
    expect((await json(folder, "audit", "--tenant", "acme", "--first", "1")).rows).toMatchObject([
      { by: "local", action: "token revoke", what: id, outcome: "done" },
    ])
  })

  it("closes a node that runs at once, and for good", async () => {
    const folder = temporaryFolder()
    const first = await node(folder)
    expect(await ask(first.url)).toBe(200)
    const text = await token(folder, "--scope", "read")
    expect([await ask(first.url), await ask(first.url, text)]).toEqual([401, 200])
    const [{ id }] = (await json(folder, "token", "list")).tokens
    expect((await json(folder, "token", "revoke", id)).state).toBe("revoked")
    expect([await ask(first.url), await ask(first.url, text)]).toEqual([401, 401])
    first.child.kill("SIGKILL")
    await first.ended
    const second = await node(folder)
    expect([await ask(second.url), await ask(second.url, text)]).toEqual([401, 401])
    const other = await token(folder, "--scope", "read")
    expect(await ask(second.url, other)).toBe(200)
  })

  it("goes with a backup, by its digest alone", async () => {
    const folder = temporaryFolder()
    const text = await token(folder, "--scope", "read")
    const revoked = await token(folder, "--scope", "read")
    const id = revoked.slice(3, 15)
    expect((await intelgraph({ folder }, "token", "revoke", id)).code).toBe(0)
    writeFileSync(join(folder, "people.csv"), "id,name\n1,Ada\n")
    expect((await intelgraph({ folder }, "ingest", "people.csv")).code).toBe(0)
    expect((await intelgraph({ folder }, "backup", "copy")).code).toBe(0)
    expect((await intelgraph({ folder }, "restore", "copy", "--data-dir", "new")).code).toBe(0)
    writeFileSync(join(folder, "new.yaml"), "version: 1\ndataDir: new\n")
    const started = start({ folder }, "start", "--port", "0", "--config", "new.yaml")
    const url = await started.says(/GraphQL: (\S+)/)
    expect([await ask(url), await ask(url, revoked), await ask(url, text)]).toEqual([401, 401, 200])
    const { rows } = await json(folder, "audit", "--data-dir", "new")
    expect(rows[0]).toMatchObject({
      by: "local",
      action: "ingest",
      what: "people",
      outcome: "done",
    })
  })

  it("says in one sentence what is wrong, and has done nothing", async () => {
    const folder = temporaryFolder()
    const cases: readonly (readonly [number, RegExp, readonly string[]])[] = [
      [2, /--scope/, ["token", "create"]],
      [2, /scopes read, write, operate/, ["token", "create", "--scope", "fly"]],
      [2, /operate and no other/, ["token", "create", "--tenant", "*", "--scope", "read"]],
      [2, /tenant/, ["token", "create", "--tenant", "A.B", "--scope", "read"]],
      [2, /90d/, ["token", "create", "--scope", "read", "--expires", "soon"]],
      [2, /366d/, ["token", "create", "--scope", "read", "--expires", "400d"]],
      [2, /64 characters/, ["token", "create", "--scope", "read", "--label", "x".repeat(65)]],
      [1, /no data directory/, ["token", "list"]],
      [1, /no data directory/, ["token", "revoke", "abc"]],
      [2, /needs ID/, ["token", "revoke"]],
      [1, /no data directory/, ["audit"]],
      [2, /--first/, ["audit", "--first", "0"]],
    ]
    for (const [code, pattern, words] of cases) {
      const ended = await intelgraph({ folder }, ...words)
      expect([words, ended.code, ended.out]).toEqual([words, code, ""])
      expect(ended.err).toMatch(pattern)
      expect(ended.err).not.toContain("    at ")
    }
    expect(readdirSync(folder)).toEqual([])
    await token(folder, "--scope", "read")
    const gone = await intelgraph({ folder }, "token", "revoke", "abc")
    expect([gone.code, gone.err]).toEqual([1, expect.stringMatching(/no token .*token list/)])
  })
})

describe("a node beyond this machine", () => {
  it("is told step by step what it needs, and then serves over TLS", async () => {
    const folder = temporaryFolder()
    writeCertificate(folder, makeCertificate("node"))
    const config = (gateway: string) =>
      writeFileSync(join(folder, "intelgraph.yaml"), `version: 1\ngateway: {port: 0, ${gateway}}\n`)
    const refused = async () => (await intelgraph({ folder }, "start")).err
    config("host: 0.0.0.0")
    expect(await refused()).toContain("intelgraph token create")
    const text = await token(folder, "--scope", "read")
    expect(await refused()).toContain("--tls-cert")
    config("host: 0.0.0.0, tls: {cert: cert.pem, key: key.pem}")
    expect(await refused()).toContain("gateway.hosts")
    config("host: 0.0.0.0, hosts: [localhost], tls: {cert: cert.pem, key: key.pem}")
    const started = start({ folder }, "start")
    const url = await started.says(/GraphQL: (\S+)/)
    expect(url).toMatch(/^https:/)
    const { request } = await import("node:https")
    const status = await new Promise((resolve, reject) => {
      const at = `${url.replace("0.0.0.0", "127.0.0.1")}?query={stats{entities}}`
      const headers = { authorization: `Bearer ${text}` }
      request(at, { rejectUnauthorized: false, headers }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
        .on("error", reject)
        .end()
    })
    expect(status).toBe(200)
  })
})
