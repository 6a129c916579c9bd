/** The main job, with its log and its graph on servers, against the embedded default. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Server, startNats, startNeo4j, startPostgres } from "../servers/index.ts"
import { intelgraph } from "../support/command.ts"

const folder = mkdtempSync(join(tmpdir(), "intelgraph-on-servers-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** As settings take it: who may is in the address. */
function urlOf({ url, user, password }: Server): string {
  const address = new URL(url)
  address.username = user ?? ""
  address.password = password ?? ""
  return address.href
}

let nats: Server
let postgres: Server
let neo4j: Server
beforeAll(async () => {
  nats = await startNats()
  postgres = await startPostgres()
  neo4j = await startNeo4j()
})
afterAll(async () => {
  for (const server of [nats, postgres, neo4j]) await server.stop()
})

interface Job {
  readonly hash: string
  readonly answer: readonly unknown[]
  readonly accepted: number
}

/** Reads what is shipped, and looks at what has become of it. */
async function mainJob(name: string, env: { readonly [name: string]: string }): Promise<Job> {
  const where = { folder, env }
  const dataDir = ["--data-dir", join(folder, name)]
  const { out, err, code } = await intelgraph(where, "start", "--once", "--json", ...dataDir)
  expect([code, code === 0 ? "" : err]).toEqual([0, ""])
  const { answer, totals } = JSON.parse(out)
  const status = await intelgraph(where, "status", "--graph-hash", "--json", ...dataDir)
  const { graphHash, broken } = JSON.parse(status.out)
  expect(broken).toEqual([])
  return { hash: graphHash, answer: answer.rows, accepted: totals.accepted }
}

describe("the main job", () => {
  it("makes the same graph and gives the same answer on servers as on its own files", async () => {
    const embedded = await mainJob("embedded", {})
    expect(embedded).toMatchObject({ accepted: 29_453, answer: { length: 10 } })
    const log = { INTELGRAPH_NATS: urlOf(nats) }
    const inPostgres = { ...log, INTELGRAPH_POSTGRES: urlOf(postgres) }
    expect(await mainJob("postgres", inPostgres)).toEqual(embedded)
    expect(await mainJob("neo4j", { INTELGRAPH_NEO4J: urlOf(neo4j) })).toEqual(embedded)
    const foreign = await intelgraph({ folder, env: log }, "start", "--once", "--data-dir", "other")
    expect([foreign.code, foreign.err]).toEqual([
      1,
      expect.stringMatching(/it is another graph than the log has fed, or an older copy/),
    ])
    const again = await intelgraph({ folder, env: inPostgres }, "start", "--once", "--json")
    expect([again.code, again.err]).toEqual([0, expect.stringMatching(/attack: skipped/)])
  }, 600_000)
})
