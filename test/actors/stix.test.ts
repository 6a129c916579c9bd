import { describe, expect, it } from "vitest"
import { readExactly } from "../../actors/mapping/json.ts"
import { Rejection } from "../../actors/mapping/values.ts"
import { applyStix } from "../../actors/stix/apply.ts"
import { checkStix, typeOfId, versionOfStix } from "../../actors/stix/identity.ts"
import { parseInstant } from "../../protocols/units.ts"

const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`
const id = (type: string, n: number) => `${type}--${uuid(n)}`
const apply = (object: object) => {
  const json = JSON.stringify(object)
  return readExactly(json, (record) => applyStix(record, json.length))
}

const reasonOf = (object: object): string | undefined => {
  try {
    apply(object)
    return undefined
  } catch (thrown) {
    if (thrown instanceof Rejection) return thrown.fault.reason
    throw thrown
  }
}

describe("an object", () => {
  it("of any type with a valid id is an entity, revoked and deprecated as properties", () => {
    const tool = {
      type: "x-acme-tool",
      id: id("x-acme-tool", 1),
      spec_version: "2.1",
      name: "Wrench",
      revoked: true,
      x_mitre_deprecated: false,
      labels: ["a", "b"],
      created_by_ref: id("identity", 2),
      object_marking_refs: [id("marking-definition", 3)],
      external_references: [
        { source_name: "acme", external_id: "W-1" },
        { source_name: "acme", external_id: "W-1" },
        { source_name: "paper", url: "https://example.org" },
      ],
    }
    const { entities, relationships } = apply(tool)
    expect(relationships).toEqual([])
    expect(entities).toEqual([
      {
        type: "x-acme-tool",
        key: tool.id,
        aliases: [{ scheme: "acme", value: "W-1" }],
        properties: {
          spec_version: "2.1",
          name: "Wrench",
          revoked: true,
          x_mitre_deprecated: false,
          labels: ["a", "b"],
          created_by_ref: tool.created_by_ref,
          object_marking_refs: tool.object_marking_refs,
          raw: `{"external_references":${JSON.stringify([
            { external_id: "W-1", source_name: "acme" },
            { external_id: "W-1", source_name: "acme" },
            { source_name: "paper", url: "https://example.org" },
          ])}}`,
        },
      },
    ])
  })

  it("has a relationship for each of its references, at any depth, once", () => {
    const [a, b, c] = [id("tool", 1), id("malware", 2), id("grouping", 3)]
    const grouping = {
      type: "grouping",
      id: c,
      object_refs: [a, b, a],
      sample_ref: b,
      contents: [{ object_ref: a, object_marking_refs: [b] }, { deep: { object_ref: a } }],
      granular_markings: [{ marking_ref: b }],
      empty_refs: [],
      other_ref: "0",
    }
    const { entities, relationships } = apply(grouping)
    expect(relationships.map(({ type, to }) => [type, "key" in to && to.key])).toEqual([
      ["object_refs", a],
      ["object_refs", b],
      ["sample_ref", b],
      ["object_ref", a],
    ])
    expect(relationships.every(({ derived, from }) => derived && from.type === "grouping")).toBe(
      true,
    )
    expect(Object.keys(entities[0]?.properties ?? {})).toEqual(["other_ref", "raw"])
  })

  it.each([
    ["no id", { type: "tool" }, "invalid-id"],
    ["an id that is no UUID", { type: "tool", id: "tool--1" }, "invalid-id"],
    ["an id of another type", { type: "tool", id: id("malware", 1) }, "invalid-id"],
    ["no type", { id: id("tool", 1) }, "invalid-type"],
    ["a type that is no text", { type: 1, id: id("tool", 1) }, "invalid-type"],
  ])("with %s is set aside", (_what, object, reason) => {
    expect(reasonOf(object)).toBe(reason)
  })

  it("that is a list or a text is set aside", () => {
    expect(() => checkStix(["x"])).toThrow(Rejection)
    expect(() => checkStix("x")).toThrow(Rejection)
  })
})

describe("a relationship", () => {
  const relationship = {
    type: "relationship",
    id: id("relationship", 9),
    relationship_type: "uses",
    source_ref: id("intrusion-set", 1),
    target_ref: id("tool", 2),
    created_by_ref: id("identity", 3),
    x_other_ref: id("identity", 4),
    description: "often",
  }

  it("joins its ends, told apart by its id; what else it has are properties", () => {
    const { entities, relationships } = apply(relationship)
    expect(entities).toEqual([])
    expect(relationships).toEqual([
      {
        type: "uses",
        from: { type: "intrusion-set", key: relationship.source_ref },
        to: { type: "tool", key: relationship.target_ref },
        discriminator: relationship.id,
        properties: {
          created_by_ref: relationship.created_by_ref,
          x_other_ref: relationship.x_other_ref,
          description: "often",
        },
        derived: false,
      },
    ])
  })

  it("without both ends or without a type is set aside", () => {
    const without = (name: string) => ({ ...relationship, [name]: undefined })
    expect(reasonOf(without("source_ref"))).toBe("invalid-relationship")
    expect(reasonOf({ ...relationship, target_ref: "tool--x" })).toBe("invalid-relationship")
    expect(reasonOf(without("relationship_type"))).toBe("invalid-relationship")
  })
})

describe("a sighting", () => {
  const sighting = {
    type: "sighting",
    id: id("sighting", 1),
    sighting_of_ref: id("malware", 2),
    count: 3,
  }
  const to = { type: "malware", key: sighting.sighting_of_ref }

  it("runs from each place where it was seen", () => {
    const where = [id("identity", 3), id("location", 4)]
    const { entities, relationships } = apply({ ...sighting, where_sighted_refs: where })
    expect(entities).toEqual([])
    expect(relationships).toEqual(
      where.map((key) => ({
        type: "sighting",
        from: { type: key.split("--")[0], key },
        to,
        discriminator: sighting.id,
        properties: { count: 3 },
        derived: false,
      })),
    )
  })

  it("runs from itself, an entity, where no place is named", () => {
    const { entities, relationships } = apply(sighting)
    expect(entities.map(({ key }) => key)).toEqual([sighting.id])
    expect(relationships.map(({ from }) => from)).toEqual([{ type: "sighting", key: sighting.id }])
  })

  it("of nothing is set aside", () => {
    expect(reasonOf({ ...sighting, sighting_of_ref: undefined })).toBe("invalid-relationship")
    expect(reasonOf({ ...sighting, where_sighted_refs: ["here"] })).toBe("invalid-relationship")
  })
})

it("an id is a type and a UUID", () => {
  expect(typeOfId(id("x-a", 1))).toBe("x-a")
  for (const none of [
    "",
    "--",
    `--${uuid(1)}`,
    `A--${uuid(1)}`,
    `a-${uuid(1)}`,
    `a--${uuid(1)}0`,
    1,
  ]) {
    expect(typeOfId(none)).toBeUndefined()
  }
})

it("a version is modified, else created, else none; text that is no date is a fault", () => {
  const date = "2025-01-02T03:04:05.678Z"
  expect(versionOfStix({ modified: date, created: "2020-01-01" })).toBe(parseInstant(date))
  expect(versionOfStix({ created: date })).toBe(parseInstant(date))
  expect(versionOfStix({})).toBeUndefined()
  expect(() => versionOfStix({ modified: "yesterday" })).toThrow(Rejection)
})
