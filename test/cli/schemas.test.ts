import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { configurationJsonSchema } from "../../protocols/configuration.ts"
import { summaryJsonSchema } from "../../protocols/summary.ts"

const published = {
  configuration: configurationJsonSchema,
  summary: summaryJsonSchema,
}

describe("published schemas", () => {
  it.each(Object.entries(published))("%s is what the program holds", async (name, schema) => {
    const file = join(import.meta.dirname, "../../docs/schemas", `${name}.schema.json`)
    await expect(`${JSON.stringify(schema(), undefined, 2)}\n`).toMatchFileSnapshot(file)
  })

  it("refuse unknown keys", () => {
    for (const schema of Object.values(published)) {
      expect(schema()).toMatchObject({ additionalProperties: false, type: "object" })
    }
  })
})
