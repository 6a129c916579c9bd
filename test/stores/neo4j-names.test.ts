/** What a writer to Neo4j knows between transactions. */
import { describe, expect, it } from "vitest"
import { internedNamesMax } from "../../protocols/limits.ts"
import { KnownNames } from "../../stores/adapters/neo4j/names.ts"

const tenant = 3

describe("names that a writer to Neo4j has met", () => {
  it("keep their numbers, each under its tenant", () => {
    const names = new KnownNames()
    names.putSource(tenant, "feed", 7)
    names.putType(tenant, "malware", 8)
    expect(names.source(tenant, "feed")).toBe(7)
    expect(names.source(tenant + 1, "feed")).toBeUndefined()
    expect(names.type(tenant, "malware")).toBe(8)
    expect(names.nameOfType(8)).toBe("malware")
  })

  it("are forgotten where a tenant has had fewer turns than before, as in an older copy", () => {
    const names = new KnownNames()
    names.turn(tenant, 5)
    names.putType(tenant, "malware", 8)
    names.turn(tenant, 6)
    expect(names.type(tenant, "malware")).toBe(8)
    names.turn(tenant, 4)
    expect(names.type(tenant, "malware")).toBeUndefined()
  })

  it("are bounded between transactions and never within one", () => {
    const names = new KnownNames()
    for (let id = 0; id <= internedNamesMax; id++) names.putType(tenant, `type ${id}`, id)
    expect(names.nameOfType(0)).toBe("type 0")
    names.bound()
    expect(names.nameOfType(0)).toBeUndefined()
  })
})
