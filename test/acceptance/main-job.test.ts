/** The first two commands of the README, once, against counts that know nothing of the program. */
import { join } from "node:path"
import { expect, it } from "vitest"
import { linesOf, shipped, textOf } from "../actors/independent-count.ts"
import { countedBySql, expectedOf } from "./main-job.ts"
import { expectSummary, newWorld, type Printed, startProgram } from "./world.ts"

const world = newWorld()
const root = join(import.meta.dirname, "../..")

const known = {
  read: 24_771,
  entities: 4_723,
  relationships: 20_048,
  derived: 5_877,
  cves: 419,
  techniques: 155,
  stubs: 0,
}

it("`npm start -- --once` reads four sources and knows the true answer", async () => {
  const dataDir = join(world, "main")
  const words = ["start", "--silent", "--", "--once", "--json", "--data-dir", dataDir]
  const ended = await startProgram(root, "npm", words).ended
  expect([ended.code, ended.code === 0 ? "" : ended.err]).toEqual([0, ""])
  const summary = expectSummary(ended.out)

  const inputs = {
    attack: linesOf(shipped.attack),
    kev: textOf(shipped.kev),
    kevAttack: textOf(shipped.kevAttack),
  }
  const expected = expectedOf(inputs)
  expect(expected).toMatchObject(known)
  expect(countedBySql(join(dataDir, "graph.db"))).toEqual(expected)

  const attack = summary.connectors.find(({ source }: Printed) => source === "attack")
  const { cves: _cves, techniques: _techniques, stubs, ...counted } = known
  expect(attack).toMatchObject({ ...counted, accepted: 24_771, stubs, deadLettered: 0 })
  expect(summary.totals.stubs).toBe(0)
  const rows = summary.answer.rows.map(({ name, count }: Printed) => `${name} ${count}`)
  expect(rows).toEqual(expected.answer)
  expect(rows[0]).toBe("Sandworm Team 48")
}, 120_000)
