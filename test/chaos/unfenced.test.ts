import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { changes } from "./unfenced.ts"

it("the fences that a copy of the code is made without stand where they are looked for", () => {
  for (const { file, line } of changes) {
    const source = readFileSync(join(import.meta.dirname, "../..", file), "utf8")
    expect([file, source.split(line).length - 1]).toEqual([file, 1])
  }
})
