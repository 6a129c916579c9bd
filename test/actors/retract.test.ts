/** Ingests and retractions in any order: what is seen is what the records that are left say. */
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { EmbeddedNode } from "../support/embedded-node.ts"
import { mapping, withNode } from "../support/node-world.ts"
import { run } from "../support/run.ts"
import { temporaryFolder } from "../support/scoped.ts"
import { wrote } from "../support/writes.ts"

const keys = ["a", "b", "c", "d", "e"]
const step = fc.oneof(
  fc.record({
    kind: fc.constant("ingest" as const),
    records: fc.array(
      fc.record({
        id: fc.constantFrom(...keys),
        of: fc.constantFrom("x", "y"),
        said: fc.constantFrom("one", "two"),
      }),
      { minLength: 1, maxLength: 6 },
    ),
  }),
  fc.record({
    kind: fc.constant("retract" as const),
    keys: fc.array(fc.constantFrom(...keys, "unknown"), { minLength: 1, maxLength: 4 }),
  }),
)
type Step = typeof step extends fc.Arbitrary<infer A> ? A : never
type Record = Extract<Step, { kind: "ingest" }>["records"][number]

/** What the source says, slowly; and how each of the step's records counts. */
class Model {
  readonly #said = new Map<string, Record>()
  accepted = 0
  duplicates = 0

  apply(one: Step): void {
    if (one.kind === "ingest") for (const record of one.records) this.#ingest(record)
    else for (const key of one.keys) this.#count(this.#said.delete(key))
  }

  #ingest(record: Record): void {
    const before = this.#said.get(record.id)
    this.#said.set(record.id, record)
    this.#count(JSON.stringify(before) !== JSON.stringify(record))
  }

  #count(changed: boolean): void {
    if (changed) this.accepted++
    else this.duplicates++
  }

  seen(): readonly string[] {
    const things = [...this.#said.values()].map(({ id, said }) => `thing ${id} ${said}`)
    const products = new Set([...this.#said.values()].map(({ of }) => `product ${of} stub`))
    return [...products, ...things].sort()
  }
}

const seenBy = ({ ports }: EmbeddedNode, tenant: string) =>
  Effect.map(ports.reads.entities(tenant, {}, { first: 100 }), ({ items }) =>
    items
      .map(({ type, key, stub, properties }) => `${type} ${key} ${stub ? "stub" : properties.said}`)
      .sort(),
  )

let tenants = 0

const agrees = (running: EmbeddedNode, steps: readonly Step[]) =>
  Effect.gen(function* () {
    const tenant = `t${tenants++}`
    const model = new Model()
    let [accepted, duplicates] = [0, 0]
    for (const [n, one] of steps.entries()) {
      model.apply(one)
      const written =
        one.kind === "ingest"
          ? { lines: one.records, mapping }
          : { lines: one.keys, format: "retract" as const }
      const receipt = yield* wrote(running, { ...written, tenant, key: `${n}` })
      expect(receipt.state).toBe("committed")
      accepted += receipt.accepted
      duplicates += receipt.duplicates
      expect(yield* seenBy(running, tenant)).toEqual(model.seen())
    }
    expect({ accepted, duplicates }).toEqual({
      accepted: model.accepted,
      duplicates: model.duplicates,
    })
  })

describe("ingests and retractions", () => {
  it("leave what the records say that are left, and count what they changed", async () => {
    await withNode(temporaryFolder(), {}, (running) =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), (steps) =>
            run(agrees(running, steps)),
          ),
          { numRuns: 15 },
        ),
      ),
    )
  }, 60_000)
})
