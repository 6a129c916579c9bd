import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { fileSource } from "../../actors/adapters/file-source.ts"
import { readMapping } from "../../actors/mapping/document.ts"
import { digestOfRecipe } from "../../actors/pipeline/digest-of-recipe.ts"
import { effectOfEvent } from "../../actors/pipeline/effect-of-event.ts"
import type { SourceFormat } from "../../actors/source.ts"
import type { RecordEffect } from "../../protocols/graph.ts"
import { run } from "../support/run.ts"
import { countStix, linesOf, shipped, textOf, topTen } from "./independent-count.ts"

const data = join(import.meta.dirname, "../../data")

const effectsOf = (path: string, format: SourceFormat, mappingName?: string) =>
  run(
    Effect.scoped(
      Effect.gen(function* () {
        const mappingFile = join(data, `mappings/${mappingName}.yaml`)
        const mapping = mappingName && readMapping(readFileSync(mappingFile, "utf8"))
        const spec = { tenant: "t", source: "s", format, mapping: mapping || undefined }
        const source = yield* fileSource.open({ ...spec, file: join(data, path) }, () => ({
          offset: 0,
          ordinal: 0,
        }))
        const digest = digestOfRecipe(source.recipe)
        const effects: RecordEffect[] = []
        for (;;) {
          const chunk = yield* source.next
          if (chunk === undefined) return effects
          for (const event of chunk.events)
            effects.push(effectOfEvent(event, source.recipe, digest))
        }
      }),
    ),
  )

describe("ATT&CK", () => {
  const lines = linesOf(shipped.attack)
  const whole = { read: 24_771, entities: 4_723, relationships: 20_048, derived: 5_877 }

  it("has as many objects as an independent count finds", () => {
    expect(countStix(lines)).toEqual(whole)
  })

  it("makes as many entities and relationships as that count says", async () => {
    const effects = await effectsOf(shipped.attack, "stix")
    const entities = effects.flatMap((effect) => effect.entities)
    const relationships = effects.flatMap((effect) => effect.relationships)
    const derived = relationships.filter((relationship) => relationship.derived).length
    expect({
      read: effects.length,
      entities: new Set(entities.map(({ key }) => key)).size,
      relationships: relationships.length - derived,
      derived,
    }).toEqual(whole)
    expect(effects.filter((effect) => effect.deadLetter !== undefined)).toEqual([])
  })

  it("without ten lines has ten records less, in the count as well", () => {
    const { read, relationships } = countStix(lines.slice(0, -10))
    expect([read, relationships]).toEqual([whole.read - 10, whole.relationships - 10])
  })
})

it("the answer to the question is the known one", () => {
  const answer = topTen(linesOf(shipped.attack), textOf(shipped.kev), textOf(shipped.kevAttack))
  expect(answer).toEqual([
    "Sandworm Team 48",
    "APT41 47",
    "APT28 44",
    "Kimsuky 43",
    "Volt Typhoon 43",
    "APT32 42",
    "Lazarus Group 42",
    "OilRig 42",
    "Magic Hound 40",
    "Mustang Panda 40",
  ])
})

describe("the other sources", () => {
  it.each([
    ["KEV", shipped.kev, "json", "kev", 1404, 1404],
    ["the KEV mappings", shipped.kevAttack, "json", "kev-attack", 1183, 419],
    ["the CVE slice", shipped.cve, "ndjson", "cve", 2095, 2095],
  ] as const)(
    "%s is read without a dead letter",
    async (_what, path, format, mapping, read, keys) => {
      const effects = await effectsOf(path, format, mapping)
      expect(effects.filter((effect) => effect.deadLetter !== undefined)).toEqual([])
      expect(effects).toHaveLength(read)
      expect(new Set(effects.map((effect) => effect.recordKey)).size).toBe(read)
      const vulnerabilities = effects
        .flatMap((effect) => effect.entities)
        .filter(({ type }) => type === "vulnerability")
      expect(new Set(vulnerabilities.map(({ key }) => key)).size).toBe(keys)
    },
  )

  it("describe 110 vulnerabilities both in KEV and in the CVE slice", () => {
    const cves = linesOf(shipped.cve).map((line) => JSON.parse(line).cveMetadata.cveId as string)
    const kev = textOf(shipped.kev)
    expect(cves.filter((cve) => kev.includes(`"${cve}"`))).toHaveLength(110)
  })
})

it("each folder's SOURCE.md names each file with its SHA-256", () => {
  for (const folder of ["mitre-attack", "cisa-kev", "kev-attack-mappings", "cve"]) {
    const source = readFileSync(join(data, folder, "SOURCE.md"), "utf8")
    for (const file of readdirSync(join(data, folder)).filter((name) => name.endsWith(".gz"))) {
      const sha = createHash("sha256")
        .update(readFileSync(join(data, folder, file)))
        .digest("hex")
      expect(source).toContain(file)
      expect(source).toContain(sha)
    }
  }
})
