import { join } from "node:path"
import { expect, it } from "vitest"
import { mappingJsonSchema } from "../../protocols/mapping.ts"

it("the published schema of mappings is what the program holds", async () => {
  const file = join(import.meta.dirname, "../../docs/schemas/mapping.schema.json")
  await expect(`${JSON.stringify(mappingJsonSchema(), undefined, 2)}\n`).toMatchFileSnapshot(file)
})

it("refuses unknown keys", () => {
  expect(mappingJsonSchema()).toMatchObject({ additionalProperties: false, type: "object" })
})
