/** The chaos of `npm run chaos`, small: the same code, fewer faults and records. */
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { chaos } from "../chaos/chaos.ts"
import { outage } from "../chaos/outage.ts"

const root = join(import.meta.dirname, "../..")
const said: string[] = []
const say = (line: string) => void said.push(line)
afterAll(() => void process.stderr.write(`${said.join("\n")}\n`))

const small = { seed: 5, tenants: 1, sources: 3, padBytes: 100 }
const timesAlone = /new owner/

describe("chaos", () => {
  it("loses nothing and doubles nothing while nodes, servers and links fail", async () => {
    const report = await chaos({
      flow: { ...small, records: 5_000, partitions: 6 },
      ...{ events: 12, nodes: 3, seconds: 60, settleSeconds: 120 },
      ...{ fences: true, root, out: undefined, say },
    })
    // How fast is measured where nothing else runs; here it is only told.
    const failed = report.verdicts.filter(({ what, holds }) => !holds && !timesAlone.test(what))
    expect(failed).toEqual([])
  }, 420_000)

  it("keeps memory in bounds while the graph store is away, and loses nothing", async () => {
    const report = await outage({
      flow: { ...small, records: 12_000, partitions: 2 },
      ...{ seconds: 5, root, out: undefined, say },
    })
    expect(report.verdicts.filter(({ holds }) => !holds)).toEqual([])
  }, 420_000)
})
