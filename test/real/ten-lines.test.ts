/** The main job without ten lines of an input: the numbers change by those, and by nothing else. */
import { readFileSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { expect, it } from "vitest"
import { countedBySql, expectedOf } from "../acceptance/main-job.ts"
import { expectSummary, intelgraph, newWorld, type Printed, put } from "../acceptance/world.ts"
import { linesOf, shipped, textOf } from "../actors/independent-count.ts"

const world = newWorld()
const data = join(import.meta.dirname, "../../data")

const typeOf = (line: string): string => JSON.parse(line).type

/** Three techniques, an intrusion set and six relationships, one of each some way apart. */
function withoutTen(lines: readonly string[]): readonly string[] {
  const some = (type: string, count: number) =>
    lines
      .filter((line) => typeOf(line) === type)
      .filter((_, n) => n % 97 === 11)
      .slice(0, count)
  const out = new Set([
    ...some("attack-pattern", 3),
    ...some("intrusion-set", 1),
    ...some("relationship", 6),
  ])
  expect(out.size).toBe(10)
  return lines.filter((line) => !out.has(line))
}

it("counts ten lines of ATT&CK less, and the stubs and the answer that follow", async () => {
  const attack = withoutTen(linesOf(shipped.attack))
  const inputs = { attack, kev: textOf(shipped.kev), kevAttack: textOf(shipped.kevAttack) }
  const expected = expectedOf(inputs)
  expect(expected).toMatchObject({ read: 24_761, entities: 4_719, relationships: 20_042 })
  expect(expected.stubs).toBeGreaterThan(0)

  put(world, "attack.ndjson.gz", gzipSync(attack.join("\n")))
  for (const name of ["cisa-kev", "kev-attack-mappings", "cve", "mappings"]) {
    symlinkSync(join(data, name), join(world, name))
  }
  const shippedText = readFileSync(join(data, "intelgraph.yaml"), "utf8")
  put(world, "intelgraph.yaml", shippedText.replace(shipped.attack, "attack.ndjson.gz"))
  const ended = await intelgraph(world, "start", "--once", "--json", "--data-dir", "ten")
  const summary = expectSummary(ended.out)

  expect(countedBySql(join(world, "ten", "graph.db"))).toEqual(expected)
  const connector = summary.connectors.find(({ source }: Printed) => source === "attack")
  const { read, entities, relationships, derived } = expected
  expect(connector).toMatchObject({ read, accepted: read, entities, relationships, derived })
  expect(summary.totals.stubs).toBe(expected.stubs)
  const rows = summary.answer.rows.map(({ name, count }: Printed) => `${name} ${count}`)
  expect(rows).toEqual(expected.answer)
}, 180_000)
