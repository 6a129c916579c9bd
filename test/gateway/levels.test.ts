import { describe, expect, it } from "vitest"
import { executeQuery } from "../../gateway/index.ts"
import type { GraphReadsShape } from "../../stores/index.ts"
import { run } from "../support/run.ts"
import { graphOf } from "./graph.ts"

const thing = (n: number) => ({ type: "thing", key: `k${n}` })

const graph = graphOf([
  {
    tenant: "demo",
    source: "one",
    records: Array.from({ length: 20 }, (_, n) => ({
      key: `k${n}`,
      entities: [{ ...thing(n), properties: { name: `Thing ${n}` } }],
      relationships: [1, 2, 3].map((step) => ({
        type: "next",
        from: thing(n),
        to: thing((n + step) % 20),
        discriminator: "",
        properties: {},
        derived: false,
      })),
    })),
  },
])

/** Reads that are written down: in this store each is one statement. */
function written(reads: GraphReadsShape) {
  const asked: string[] = []
  const proxy = new Proxy(reads, {
    get: (target, name, receiver) => {
      asked.push(String(name))
      return Reflect.get(target, name, receiver)
    },
  })
  return { asked, reads: proxy }
}

describe("objects of one level", () => {
  it("are read together, however many there are", async () => {
    const { asked, reads } = written(graph.reads)
    const document = `{ entities(first: 20) { items {
      sources { source }
      relationships(first: 5, direction: OUT) { items {
        from { name }
        to { name sources { source } relationships(first: 2) { items { to { key } } } }
      } }
    } } }`
    const { data, errors } = await run(executeQuery({ reads }, { tenant: "demo", document }))
    expect(errors).toBeUndefined()
    const text = JSON.stringify(data)
    expect(text.match(/"source":"one"/g)).toHaveLength(20 + 60)
    expect(asked.sort()).toEqual([
      "assertionsOf",
      "assertionsOf",
      "entities",
      "entitiesAt",
      "entitiesAt",
      "entitiesAt",
      "relationshipsOf",
      "relationshipsOf",
    ])
  })
})
