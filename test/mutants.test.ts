import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { broken, readMutants } from "./support/mutants.ts"

const root = join(import.meta.dirname, "..")
const read = (path: string) => readFileSync(join(root, path), "utf8")
/** A conformance suite stands in a file of its own, beside the test files that call it. */
const suites = globSync("test/**/*.ts", { cwd: root })
const mutants = readMutants(read("test/mutants.md"))

describe("the list of breakages", () => {
  it("is long enough", () => expect(mutants.length).toBeGreaterThanOrEqual(15))

  it.each(mutants.map((mutant) => [mutant.title, mutant] as const))(
    "names a line that is there once, and a test that is there: %s",
    (_title, mutant) => {
      expect(broken(read(mutant.file), mutant)).not.toBe(read(mutant.file))
      const words = mutant.test.split(" ")
      const tests = suites.map(read).join("\n")
      // The groups come first in a full name, so that the test's own name is one of its endings.
      const endings = words.map((_, index) => words.slice(index).join(" "))
      expect(suites).toContain(mutant.testFile)
      expect(endings.some((ending) => tests.includes(`"${ending}"`))).toBe(true)
    },
  )
})
