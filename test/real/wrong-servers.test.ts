/** A node whose servers are not as it needs them says so; one whose clock is off works. */
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { connect } from "@nats-io/transport-node"
import { describe, expect, it } from "vitest"
import {
  clockOff,
  startNats,
  startNeo4j,
  startOldNats,
  startPostgres,
  withUser,
} from "../servers/index.ts"
import { intelgraph, start } from "../support/command.ts"
import { temporaryFolder } from "../support/scoped.ts"
import { sharedFolder, sharedServers } from "../support/shared-servers.ts"

/** What a node says of itself that ends at once, which is one sentence and its next step. */
async function refused(env: { readonly [name: string]: string }): Promise<string> {
  const { code, out, err } = await intelgraph({ folder: temporaryFolder(), env }, "start", "--once")
  const lines = err.trim().split("\n")
  expect([code, out, lines.length]).toEqual([1, "", 1])
  return lines[0] ?? ""
}

describe("a node that is started", () => {
  it("against a server that is too old names its version and the one that is needed", async () => {
    await using old = await startOldNats()
    const said = await refused({ INTELGRAPH_NATS: old.url })
    expect(said).toContain(`is ${old.version} with level 0 of the JetStream API`)
    expect(said).toMatch(/level 2 is needed \(nats-server 2\.12\)\. Use nats-server 2\.12 or newer/)
  })

  it("with wrong credentials says so, and not which", async () => {
    await using server = await startNats({
      config: "authorization { user: node, password: right }",
    })
    for (const user of ["", "node:wrong@", "other:right@"]) {
      const said = await refused({ INTELGRAPH_NATS: server.url.replace("//", `//${user}`) })
      expect(said).toMatch(/refuses these credentials\. Check user and password/)
      expect(said).not.toMatch(/wrong|right/)
    }
  })

  it("with a stream of foreign configuration names it, and what the log needs", async () => {
    await using server = await startNats()
    const connection = await connect({ servers: server.url })
    const foreign = { name: "INTELGRAPH_ST", subjects: ["intelgraph.st.>"], max_msgs: 10 }
    await connection.request("$JS.API.STREAM.CREATE.INTELGRAPH_ST", JSON.stringify(foreign))
    await connection.close()
    const said = await refused({ INTELGRAPH_NATS: server.url })
    expect(said).toMatch(
      /The stream INTELGRAPH_ST is not one of this log: it has \w+ .*the log needs/,
    )
    expect(said).toMatch(/Name another log, or mend the stream's configuration/)
  })

  it("without the servers it is told of names the address alone", async () => {
    const nobody = "127.0.0.1:1"
    for (const env of [
      { INTELGRAPH_NATS: `nats://node:hidden@${nobody}` },
      { INTELGRAPH_POSTGRES: `postgres://intelgraph:hidden@${nobody}/intelgraph` },
      { INTELGRAPH_NEO4J: `bolt://neo4j:hidden@${nobody}` },
    ]) {
      const said = await refused(env)
      expect(said).toContain(nobody)
      expect(said).not.toContain("hidden")
    }
  })
})

describe("a node that serves", () => {
  it("waits for servers that are on their way, and says for which", async () => {
    await using nats = await startNats()
    await using postgres = await startPostgres()
    const folder = temporaryFolder()
    writeFileSync(join(folder, "intelgraph.yaml"), "version: 1\n")
    const env = { INTELGRAPH_NATS: nats.url, INTELGRAPH_POSTGRES: withUser(postgres) }
    for (const server of [nats, postgres]) server.kill()
    const node = start({ folder, env }, "start", "--port", "0")
    await node.says(/The graph store cannot answer now: .*asked again, for up to 30 s/)
    await postgres.start()
    await node.says(/The log: no server at \S+ answers: .*asked again, for up to 30 s/)
    await nats.start()
    await node.says(/Ctrl-C ends the node/)
    node.child.kill("SIGINT")
    expect(await node.ended).toMatchObject({ code: 0 })
  }, 120_000)
})

describe("a node and its stores", () => {
  it("says that a password does not fit, and never which", async () => {
    await using postgres = await startPostgres()
    await using neo4j = await startNeo4j()
    for (const env of [
      { INTELGRAPH_POSTGRES: withUser({ ...postgres, password: "no-such-secret" }) },
      { INTELGRAPH_NEO4J: withUser({ ...neo4j, password: "no-such-secret" }) },
    ]) {
      const said = await refused(env)
      expect(said).toMatch(/user and password do not fit/)
      expect(said).not.toContain("no-such-secret")
    }
  }, 180_000)
})

describe("a node whose clock is off", () => {
  const folder = sharedFolder()
  const shared = sharedServers("nats", "postgres")

  const write = (name: string, said: string) => {
    const lines = Array.from({ length: 500 }, (_, n) =>
      JSON.stringify({ type: "campaign", id: `campaign--${String(n).padStart(36, "0")}`, said }),
    )
    const file = join(folder, name)
    writeFileSync(file, `${lines.join("\n")}\n`)
    return file
  }

  it("works as any other, beside one whose clock goes right", async () => {
    const servers = shared.env("nats", "postgres")
    const files = ["one", "two", "three"].map((said) => write(`${said}.ndjson`, said))
    const minutes = [10, 0, -10]
    const ingest = async (n: number, name: string, env: { readonly [name: string]: string }) => {
      const words = ["ingest", "--source", "said", "--format", "ndjson", files[n] ?? "", "--json"]
      const { code, out, err } = await intelgraph(
        { folder, env },
        ...words,
        ...["--data-dir", join(folder, name)],
      )
      expect([code, code === 0 ? "" : err]).toEqual([0, ""])
      return JSON.parse(out).totals
    }
    const now = "console.log(Date.now())"
    const told = execFileSync(process.execPath, ["-e", now], { env: await clockOff(10) })
    expect(Number(told) - Date.now()).toBeGreaterThan(9 * 60_000)
    for (const [n, off] of minutes.entries()) {
      // Each is another node, which takes the log over from the one before.
      const totals = await ingest(n, `node ${n}`, { ...servers, ...(await clockOff(off)) })
      expect(totals).toMatchObject({ read: 500, accepted: 500, duplicates: 0, deadLettered: 0 })
      await ingest(n, "embedded", {})
    }
    const again = await ingest(2, "node 0", { ...servers, ...(await clockOff(10)) })
    expect(again).toMatchObject({ accepted: 0, duplicates: 500 })
    const hashOf = async (name: string, env: { readonly [name: string]: string }) => {
      const words = ["status", "--graph-hash", "--json", "--data-dir", join(folder, name)]
      const { out } = await intelgraph({ folder, env }, ...words)
      const { graphHash, broken } = JSON.parse(out)
      expect(broken).toEqual([])
      return graphHash
    }
    expect(await hashOf("node 1", servers)).toBe(await hashOf("embedded", {}))
  }, 240_000)
})
