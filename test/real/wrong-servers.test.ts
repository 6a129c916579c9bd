/** A node whose servers are not as it needs them says so. */
import { describe, expect, it } from "vitest"
import { intelgraph } from "../support/command.ts"
import { temporaryFolder } from "../support/scoped.ts"

/** What a node says of itself that ends at once, which is one sentence and its next step. */
async function refused(env: { readonly [name: string]: string }): Promise<string> {
  const { code, out, err } = await intelgraph({ folder: temporaryFolder(), env }, "start", "--once")
  const lines = err.trim().split("\n")
  expect([code, out, lines.length]).toEqual([1, "", 1])
  return lines[0] ?? ""
}

describe("a node that is started", () => {
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
