/**
 * What a newcomer does: takes the README's mapping and commands as they stand there, in a clean
 * clone, with a CSV that nobody here has seen. The clone is of what is committed; only the
 * installed packages are shared with it.
 */
import { execFile } from "node:child_process"
import { readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { temporaryFolder } from "../support/scoped.ts"

const root = join(import.meta.dirname, "../..")
const run = promisify(execFile)

/** The blocks of one language in a document, in order. */
const blocksOf = (text: string, language: string): readonly string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(
    ([, block = ""]) => block,
  )

async function cleanClone(): Promise<string> {
  const folder = join(temporaryFolder(), "intelgraph")
  await run("git", ["clone", "--quiet", "--no-hardlinks", root, folder])
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"))
  return folder
}

interface Person {
  readonly id: string
  readonly name: string
  readonly employer: string
}

/** People with names that make a CSV hard; no company has more of them than a page holds. */
const people: readonly Person[] = Array.from({ length: 120 }, (_, n) => ({
  id: `p${n}`,
  name: [`Ana "${n}" Ñandú`, `O'Neil, ${n}`, `李 ${n}`, `two\nlines ${n}`][n % 4] ?? "",
  employer: `c${(n * n) % 7}`,
}))

const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`
const csv = [
  "id,name,employer,employer_name",
  ...people.map(({ id, name, employer }) =>
    [id, quoted(name), employer, quoted(`Company, ${employer}`)].join(","),
  ),
].join("\r\n")

/** Company → names of its people, counted without the program. */
const expected = Map.groupBy(people, ({ employer }) => employer)

const helpRow = "npx --no intelgraph help"

interface Answer {
  readonly data: {
    readonly entities: {
      readonly items: readonly {
        readonly name: string
        readonly relationships: {
          readonly items: readonly { readonly from: { readonly name: string } }[]
        }
      }[]
    }
  }
}

describe("the README", () => {
  it("leads from a file of one's own to an answer", { timeout: 120_000 }, async () => {
    const folder = await cleanClone()
    const readme = readFileSync(join(folder, "README.md"), "utf8")
    const [mapping = ""] = blocksOf(readme, "yaml")
    const [, commands = ""] = blocksOf(readme, "sh")
    const lines = commands.trim().split("\n")
    expect(lines).toHaveLength(2)
    expect(lines.every((line) => line.startsWith("npx --no intelgraph "))).toBe(true)

    writeFileSync(join(folder, "people.yaml"), mapping)
    writeFileSync(join(folder, "people.csv"), csv)
    let out = ""
    for (const line of lines) out = (await run("bash", ["-euc", line], { cwd: folder })).stdout
    expect(readme).toContain(`\`${helpRow}\``)
    const help = await run("bash", ["-euc", helpRow], { cwd: folder })
    for (const verb of ["start", "ingest", "doctor"]) expect(help.stdout).toContain(verb)

    const { entities } = (JSON.parse(out) as Answer).data
    const found = new Map(
      entities.items.map(({ name, relationships }) => [
        name,
        relationships.items.map(({ from }) => from.name).sort(),
      ]),
    )
    const counted = new Map(
      [...expected].map(([employer, them]) => [
        `Company, ${employer}`,
        them.map(({ name }) => name).sort(),
      ]),
    )
    expect(found).toEqual(counted)
  })

  it("names commands and files that are there", async () => {
    const readme = readFileSync(join(root, "README.md"), "utf8")
    const { verbs } = await import("../../cli/table.ts")
    for (const [, words = ""] of readme.matchAll(/npx --no intelgraph ([a-z]+(?: [a-z]+)?)/g)) {
      const names = ["help", ...verbs.map(({ name }) => name)]
      const known = names.some((name) => words === name || words.startsWith(`${name} `))
      expect([words, known]).toEqual([words, true])
    }
    const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
    const contributing = readFileSync(join(root, "CONTRIBUTING.md"), "utf8")
    for (const [, script = ""] of contributing.matchAll(/`npm run (?:--silent )?([a-z:]+)/g)) {
      expect(Object.keys(manifest.scripts)).toContain(script)
    }
  })
})
