/** What `deploy/` says, held against the Compose Specification and against this program. */
import { execFileSync } from "node:child_process"
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import { variables } from "../../cli/configuration.ts"
import { type Json, type JsonObject, problemsOf } from "../support/json-schema.ts"
import { temporaryFolder } from "../support/scoped.ts"

const root = join(import.meta.dirname, "../..")
const folder = join(root, "deploy/compose")
const textOf = (...path: readonly string[]) => readFileSync(join(root, ...path), "utf8")

const schema = JSON.parse(textOf("test/fixtures/compose-spec/compose-spec.json")) as JsonObject
const composed = () => parse(textOf("deploy/compose/compose.yaml"), { merge: true })

/** Every text in the document. */
const textsIn = (value: Json): readonly string[] => {
  if (typeof value === "string") return [value]
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : []
}

describe("the compose file", () => {
  it("is one by the Compose Specification's schema", () => {
    expect(problemsOf(schema, composed())).toEqual([])
  })

  it.each([
    ["an unknown key", { service: {} }],
    ["a service with an unknown key", { services: { one: { imagine: "a" } } }],
    ["a port that is none", { services: { one: { ports: [{ target: true }] } } }],
    ["a secret without a place", { secrets: { one: { file: 7 } } }],
    ["a condition that is none", { services: { a: { depends_on: { b: { condition: "up" } } } } }],
  ])("would be refused with %s", (_, more) => {
    expect(problemsOf(schema, { ...composed(), ...more })).not.toEqual([])
  })

  it("has three servers of the log, the stores and two nodes, each looked after", () => {
    const { services } = composed()
    expect(Object.keys(services).sort()).toEqual(
      ["nats-1", "nats-2", "nats-3", "neo4j", "node-1", "node-2", "postgres", "redis"].sort(),
    )
    const dockerfile = textOf("deploy/Dockerfile")
    for (const [name, service] of Object.entries<JsonObject>(services)) {
      const isNode = name.startsWith("node-")
      expect(service.restart).toBe("unless-stopped")
      expect(isNode ? /^HEALTHCHECK /m.test(dockerfile) : service.healthcheck).toBeTruthy()
      const wanted = String(service.image).includes(":") || isNode
      expect([name, wanted]).toEqual([name, true])
    }
    const { environment } = services["node-2"]
    expect(environment).toMatchObject({
      INTELGRAPH_NATS_REPLICAS: "3",
      INTELGRAPH_HOSTS: "localhost,node-2",
    })
  })

  it("names settings that a node knows, and files that are there or are made", () => {
    const document = composed()
    const script = textOf("deploy/compose/make-secrets.sh")
    const known = new Set<string>(Object.values(variables))
    const named = [
      ...JSON.stringify(document).matchAll(/INTELGRAPH_[A-Z0-9_]+/g),
      ...script.matchAll(/^INTELGRAPH_[A-Z0-9_]+/gm),
    ]
    const own = ["INTELGRAPH_USER", "INTELGRAPH_MB", "INTELGRAPH_CTL", "INTELGRAPH_ST"]
    for (const [name] of named) if (!own.includes(name)) expect(known).toContain(name)
    expect(existsSync(join(folder, document["x-node"].build.context, "deploy/Dockerfile"))).toBe(
      true,
    )
    for (const { file } of Object.values<{ file: string }>(document.configs)) {
      expect(statSync(join(folder, file)).isFile()).toBe(true)
    }
  })

  it("holds no secret, and makes them all, readable for their owner alone", () => {
    const made = temporaryFolder()
    cpSync(join(folder, "make-secrets.sh"), join(made, "make-secrets.sh"))
    const make = () => execFileSync("sh", [join(made, "make-secrets.sh")], { stdio: "pipe" })
    make()
    const document = composed()
    const envFiles = Object.values<{ env_file?: string[] }>(document.services).flatMap(
      ({ env_file = [] }) => env_file,
    )
    const files = Object.values<{ file: string }>(document.secrets).map(({ file }) => file)
    expect(files.length).toBeGreaterThan(7)
    for (const file of [...files, ...envFiles]) {
      expect(file).toMatch(/^secrets\//)
      expect(statSync(join(made, file)).size).toBeGreaterThan(20)
    }
    for (const key of ["ca-key.pem", "nats-key.pem", "node-key.pem", "nats.env", "node.env"]) {
      expect(statSync(join(made, "secrets", key)).mode & 0o077).toBe(0)
    }
    const passwords = [...readFileSync(join(made, "secrets/nats.env"), "utf8").matchAll(/=(.+)/g)]
    expect(new Set(passwords.map(([, password]) => password)).size).toBe(2)
    expect(make).toThrow(/is there already/)
    expect(textOf(".gitignore")).toContain("/deploy/compose/secrets/")
    for (const text of textsIn(document)) expect(text).not.toMatch(/:\/\/[^/@]+:[^/@]+@/)
  })
})

describe("the servers' configuration", () => {
  it("keeps three copies on the disk, and lets a node do what is documented", () => {
    expect(textOf("deploy/compose/nats/nats.conf")).toMatch(/^ {2}sync_interval: always$/m)
    const accounts = textOf("deploy/compose/nats/accounts.conf")
    const granted = new Set(accounts.match(/(?<=")[^"]+(?=")/g))
    for (const verb of ["CREATE", "INFO", "MSG.GET"]) {
      for (const stream of ["MB", "CTL", "ST"]) {
        expect(granted).toContain(`$JS.API.STREAM.${verb}.INTELGRAPH_${stream}`)
      }
    }
    expect([...granted].filter((one) => /DELETE|PURGE|UPDATE/.test(one))).toEqual([
      "$JS.API.CONSUMER.DELETE.INTELGRAPH_MB.>",
    ])
  })
})

describe("the image", () => {
  it("holds all that a node is made of, and runs as nobody in particular", () => {
    const dockerfile = textOf("deploy/Dockerfile")
    expect(dockerfile).toMatch(/^USER 10001:10001$/m)
    const at = temporaryFolder()
    for (const [, from = "", to = ""] of dockerfile.matchAll(/^COPY (\S.*) (\S+)$/gm)) {
      if (from.startsWith("--from")) continue
      for (const path of from.split(" ")) {
        const target = to === "./" ? join(at, path) : join(at, to)
        mkdirSync(dirname(target), { recursive: true })
        cpSync(join(root, path), target, { recursive: true })
      }
    }
    symlinkSync(join(root, "node_modules"), join(at, "node_modules"))
    const work = temporaryFolder()
    const intelgraph = (...words: readonly string[]) =>
      execFileSync(process.execPath, [join(at, "bin/intelgraph.mjs"), ...words], {
        cwd: work,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      })
    expect(intelgraph("version")).toMatch(/^\d+\.\d+/)
    const made = intelgraph("token", "create", "--tenant", "*", "--scope", "operate", "--json")
    expect(JSON.parse(made).token).toMatch(/^ig_/)
    // Without a configuration of its own it reads nothing.
    expect(intelgraph("start", "--once", "--json")).toBe("")
    writeFileSync(join(work, "one.ndjson"), '{"name":"one"}\n')
    expect(JSON.parse(intelgraph("ingest", "one.ndjson", "--json")).totals.accepted).toBe(1)
  })
})
