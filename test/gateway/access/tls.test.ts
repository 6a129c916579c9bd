import { writeFileSync } from "node:fs"
import { request } from "node:https"
import { connect as connectPlain } from "node:net"
import { join } from "node:path"
import { connect, type SecureVersion } from "node:tls"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describe, expect, it, vi } from "vitest"
import WebSocket from "ws"
import { type GatewayOptions, startGateway } from "../../../gateway/index.ts"
import { certificateLookMillis } from "../../../protocols/limits.ts"
import { MetricRegistry } from "../../../runtime/index.ts"
import { type Certificate, makeCertificate, writeCertificate } from "../../support/certificate.ts"
import { runExit } from "../../support/run.ts"
import { temporaryFolder } from "../../support/scoped.ts"
import { graphOf } from "../graph.ts"
import { ask, started } from "../support.ts"
import { bearer, keptAccess, tokenFor } from "./kept.ts"

const graph = graphOf([])

const secured = async (given: Partial<GatewayOptions> = {}) => {
  const certificate = makeCertificate("first")
  const files = writeCertificate(temporaryFolder(), certificate)
  const { url } = await started({ reads: graph.reads, tls: files, ...given })
  return { certificate, files, url }
}

const status = (url: string, { cert }: Certificate, headers: { [name: string]: string } = {}) =>
  new Promise<number>((resolve, reject) => {
    request(`${url}?query={__typename}`, { ca: cert, headers, agent: false }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0))
    })
      .on("error", reject)
      .end()
  })

/** The name in the certificate that the node shows, over a protocol of this version at most. */
const shown = (url: string, maxVersion: SecureVersion = "TLSv1.3") =>
  new Promise<string>((resolve, reject) => {
    const { port } = new URL(url)
    const ciphers = "DEFAULT@SECLEVEL=0"
    const versions = { minVersion: "TLSv1" as const, maxVersion, ciphers }
    const socket = connect({ port: Number(port), rejectUnauthorized: false, ...versions }, () => {
      resolve(`${socket.getPeerCertificate().subject.CN} ${socket.getProtocol()}`)
      socket.destroy()
    }).on("error", reject)
  })

describe("TLS at the node", () => {
  it("serves HTTP and WebSocket under the configured certificate", async () => {
    const { url, certificate } = await secured()
    expect(url).toMatch(/^https:/)
    expect(await status(url, certificate)).toBe(200)
    const socket = new WebSocket(url.replace("https", "wss"), "graphql-transport-ws", {
      ca: certificate.cert,
    })
    await new Promise((resolve) => socket.on("open", resolve))
    socket.close()
  })

  it("speaks 1.2 and 1.3, and nothing older", async () => {
    const { url } = await secured()
    expect(await shown(url)).toBe("first TLSv1.3")
    expect(await shown(url, "TLSv1.2")).toBe("first TLSv1.2")
    for (const old of ["TLSv1.1", "TLSv1"] as const) await expect(shown(url, old)).rejects.toThrow()
  })

  it("does not answer what is not TLS", async () => {
    const { url } = await secured()
    const { port } = new URL(url)
    const said = await new Promise<string>((resolve) => {
      let text = ""
      const socket = connectPlain(Number(port))
      socket.on("data", (bytes) => {
        text += bytes
      })
      socket.on("error", () => undefined).on("close", () => resolve(text))
      socket.write("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
    })
    expect(said).not.toContain("HTTP/1.1 200")
  })

  it("has an origin of its own, which plain HTTP is not", async () => {
    const { url, certificate } = await secured()
    const { host } = new URL(url)
    const asked = (origin: string) => status(url, certificate, { origin })
    expect(await asked(`https://${host}`)).toBe(200)
    expect(await asked(`http://${host}`)).toBe(403)
    expect(await asked("https://evil.example")).toBe(403)
  })

  it("takes another certificate when its files change, and none that is bad", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] })
    try {
      const onCertificate = vi.fn()
      const { url, files } = await secured({ onCertificate })
      writeFileSync(files.cert, "garbage")
      vi.advanceTimersByTime(certificateLookMillis)
      expect(onCertificate).toHaveBeenCalledOnce()
      expect(await shown(url)).toBe("first TLSv1.3")
      const second = makeCertificate("second")
      writeFileSync(files.cert, second.cert)
      writeFileSync(files.key, second.key)
      vi.advanceTimersByTime(certificateLookMillis)
      expect(await shown(url)).toBe("second TLSv1.3")
      expect(onCertificate).toHaveBeenCalledOnce()
    } finally {
      vi.useRealTimers()
    }
  })

  it("is refused with a sentence where its files cannot be used", async () => {
    const folder = temporaryFolder()
    const [one, two] = [makeCertificate("one"), makeCertificate("two")]
    const cases = [
      [{ cert: join(folder, "gone"), key: join(folder, "gone") }, /cannot be read/],
      [writeCertificate(temporaryFolder(), { cert: "hello", key: one.key }), /no certificate/],
      [writeCertificate(temporaryFolder(), { cert: one.cert, key: two.key }), /no certificate/],
      [writeCertificate(temporaryFolder(), { cert: "x".repeat(300_000), key: "" }), /bytes/],
    ] as const
    for (const [tls, pattern] of cases) {
      const error = await refusal({ tls })
      expect(error).toMatchObject({ _tag: "Invalid", message: expect.stringMatching(pattern) })
      expect(JSON.stringify(error)).not.toContain("PRIVATE")
    }
  })
})

describe("a node beyond this machine", () => {
  it("is refused without tokens, then TLS, then a name, each with the next step", async () => {
    const { control } = await keptAccess()
    const host = "0.0.0.0"
    const tls = writeCertificate(temporaryFolder(), makeCertificate("node"))
    expect(await refusal({ host, control, tls })).toMatchObject({
      next: expect.stringContaining("intelgraph token create"),
    })
    const { token } = tokenFor(control, "demo")
    control.revoke("local", token.id)
    expect(await refusal({ host, control })).toMatchObject({
      next: expect.stringContaining("--tls-cert"),
    })
    for (const named of [{ tls }, { tls: "before" as const }]) {
      expect(await refusal({ host, control, ...named })).toMatchObject({
        next: expect.stringContaining("gateway.hosts"),
      })
    }
    expect(await refusal({ host, control, tls, hosts: ["graph.example.org"] })).toBeUndefined()
    expect(await refusal({ host, control, tls: "before", hosts: ["graph.example.org"] })).toBe(
      undefined,
    )
  })

  it("is asked by its names only", async () => {
    const { control } = await keptAccess()
    const token = bearer(tokenFor(control, "demo").text)
    const { url } = await started({
      ...{ reads: graph.reads, control, host: "0.0.0.0", tls: "before" as const },
      hosts: ["graph.example.org", "other.example:8443"],
      origins: ["https://app.example.org"],
    })
    const asked = async (headers: { readonly [name: string]: string }) => {
      const at = url.replace("0.0.0.0", "127.0.0.1")
      return (await ask(`${at}?query={__typename}`, { headers: { ...token, ...headers } })).status
    }
    for (const host of [
      "graph.example.org",
      "Graph.Example.Org:80",
      "other.example:8443",
      "localhost",
    ]) {
      expect([host, await asked({ host })]).toEqual([host, 200])
    }
    const strangers = [
      "example.org",
      "other.example",
      "x.graph.example.org",
      "0.0.0.0",
      "graph.example.org.evil",
    ]
    for (const host of strangers) expect([host, await asked({ host })]).toEqual([host, 403])
    const host = "graph.example.org"
    for (const [origin, expected] of [
      ["https://graph.example.org", 200],
      ["https://app.example.org", 200],
      ["http://graph.example.org", 403],
      ["https://other.example:8443", 403],
      ["https://app.example.org:444", 403],
      ["null", 403],
    ] as const) {
      expect([origin, await asked({ host, origin })]).toEqual([origin, expected])
    }
  })
})

describe("a page of a configured origin", () => {
  it("may ask and read, its browser is told so; pages of other origins may not", async () => {
    const origin = "https://app.example.org"
    const { url } = await started({ reads: graph.reads, origins: [origin] })
    const preflight = (from: string) =>
      ask(url, {
        method: "OPTIONS",
        headers: { origin: from, "access-control-request-method": "POST" },
      })
    const allowed = await preflight(origin)
    expect([allowed.status, allowed.headers["access-control-allow-origin"]]).toEqual([204, origin])
    expect(allowed.headers["access-control-allow-methods"]).toBe("GET, POST")
    expect(allowed.headers["access-control-allow-headers"]).toContain("authorization")
    expect(allowed.headers["access-control-allow-credentials"]).toBeUndefined()
    const answer = await ask(`${url}?query={__typename}`, { headers: { origin } })
    expect([answer.status, answer.headers["access-control-allow-origin"]]).toEqual([200, origin])
    expect(answer.headers.vary).toContain("Origin")
    const other = await preflight("https://evil.example")
    expect([other.status, other.headers["access-control-allow-origin"]]).toEqual([403, undefined])
    const own = await ask(url, { method: "OPTIONS", headers: { origin: new URL(url).origin } })
    expect(own.status).toBe(405)
  })
})

/** What refuses the start; `undefined` where nothing does. */
async function refusal(given: Partial<GatewayOptions>): Promise<unknown> {
  const options = { reads: graph.reads, metrics: new MetricRegistry(), port: 0, tenant: "demo" }
  const exit = await runExit(
    Effect.scoped(startGateway({ ...options, development: false, ...given })),
  )
  return Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
}
