import { existsSync, globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { readFacts, type SourceFacts } from "./support/source-facts.ts"
import type { Finding } from "./support/tidy.ts"
import * as tidy from "./support/tidy.ts"

const root = join(import.meta.dirname, "..")

/** Facts of one sample, as if it stood at `path`. */
function sample(path: string, text: string): SourceFacts {
  const [facts] = readFacts(new Map([[path, text]]))
  if (facts === undefined) throw new Error("no facts")
  return facts
}

const messages = (findings: readonly Finding[]) => findings.map(({ message }) => message)
const told = (findings: readonly Finding[]) =>
  findings.map(({ path, line, message }) => `${path}:${line} ${message}`)

describe("the rules of the house", () => {
  it("measure lines", () => {
    const long = sample("protocols/a.ts", `// ${"x".repeat(98)}\n`)
    expect(messages(tidy.linesFit(long))).toEqual(["the line has 101 columns; at most 100"])
    expect(tidy.linesFit(sample("protocols/a.ts", `// ${"x".repeat(97)}\n`))).toEqual([])
  })

  it("measure functions, and not the groups of tests", () => {
    const body = (lines: number) => `{\n${"  f()\n".repeat(lines - 2)}}`
    const named = sample("runtime/a.ts", `export function big() ${body(71)}\n`)
    expect(messages(tidy.functionsFit(named))[0]).toMatch(/^big has 71 lines/)
    const arrow = sample("runtime/a.ts", `const large = () => ${body(71)}\n`)
    expect(messages(tidy.functionsFit(arrow))[0]).toMatch(/^large has 71 lines/)
    expect(tidy.functionsFit(sample("runtime/a.ts", `function fits() ${body(70)}\n`))).toEqual([])
    const group = sample("test/a.test.ts", `describe("all", () => ${body(300)})\n`)
    expect(tidy.functionsFit(group)).toEqual([])
    const suite = `export function suite() {\n  it("does", f)\n${"\n".repeat(80)}}\n`
    expect(tidy.functionsFit(sample("test/a.ts", suite))).toEqual([])
    expect(tidy.functionsFit(sample("test/a.ts", suite.replace("it(", "fit(")))).toHaveLength(1)
  })

  it.each([
    ["runtime/core/a.ts", "../../actors/index.ts", /upwards/],
    ["runtime/a.ts", "../stores/index.ts", /share a floor/],
    ["actors/a.ts", "../runtime/core/cell.ts", /inside runtime/],
    ["gateway/a.ts", "../sim/index.ts", /by cli\/ and test\/ only/],
    ["stores/a.ts", "../test/support/run.ts", /no room/],
    ["actors/a.ts", "../protocols/deep/a.ts", /inside protocols/],
  ])("refuse in %s an import of %s", (path, specifier, message) => {
    for (const text of [
      `import { a } from "${specifier}"`,
      `export * from "${specifier}"`,
      `export const a = () => import("${specifier}")`,
    ]) {
      expect(messages(tidy.floorsHold(sample(path, text)))[0]).toMatch(message)
    }
  })

  it("let a room use faces below it, its own parts and the protocols", () => {
    const text = [
      'import { a } from "../runtime/index.ts"',
      'import { b } from "../protocols/errors.ts"',
      'import { c } from "./pipeline/c.ts"',
    ].join("\n")
    expect(tidy.floorsHold(sample("actors/a.ts", text))).toEqual([])
    expect(tidy.floorsHold(sample("cli/a.ts", 'import "../sim/index.ts"'))).toEqual([])
  })

  it.each([
    ["const at = new Date()", "Date"],
    ["export const now = Date.now", "Date.now"],
    ["const x = Math.random()", "Math.random"],
    ["setTimeout(f, 1)", "setTimeout"],
    ["const later = setImmediate", "setImmediate"],
    ["queueMicrotask(f)", "queueMicrotask"],
    ["export async function f() {}", "async"],
    ["export const f: () => Promise<void> = g", "Promise"],
    ["const x = performance.now()", "performance.now"],
    ["const x = process.env", "process.env"],
    ["const x = crypto.randomUUID()", "crypto.randomUUID"],
    ['import { readFileSync } from "node:fs"', "node:fs"],
    ['import { randomBytes } from "node:crypto"', "node:crypto"],
    ['import * as crypto from "node:crypto"', "node:crypto"],
  ])("keep the world out of deterministic rooms: %s", (text, name) => {
    for (const path of ["actors/a.ts", "runtime/core/a.ts", "protocols/a.ts"]) {
      const found = messages(tidy.decidesWithoutTheWorld(sample(path, text)))
      expect(
        found.some((message) => message.startsWith(`${name} in a deterministic room: use `)),
      ).toBe(true)
    }
    expect(tidy.decidesWithoutTheWorld(sample("actors/adapters/a.ts", text))).toEqual([])
    expect(tidy.decidesWithoutTheWorld(sample("stores/a.ts", text))).toEqual([])
  })

  it("tell a name of one's own from the world's", () => {
    const text = [
      'import { hash } from "node:crypto"',
      "// setTimeout and new Date() in words",
      'const text = "Math.random()"',
      "const entry = { process: 1, Date: 2 }",
      "const f = (fetch: number) => fetch + entry.process",
      "export const g = hash",
    ].join("\n")
    expect(tidy.decidesWithoutTheWorld(sample("actors/a.ts", text))).toEqual([])
  })

  it("let effects run in four files only", () => {
    const text = "Effect.runSync(program)\nconst f = Effect.runForkWith(services)\n"
    expect(tidy.effectsRunAtTheEdge(sample("actors/a.ts", text))).toHaveLength(2)
    expect(tidy.effectsRunAtTheEdge(sample("test/actors/a.test.ts", text))).toHaveLength(2)
    for (const path of tidy.effectRunners) {
      expect(tidy.effectsRunAtTheEdge(sample(path, text))).toEqual([])
    }
  })

  it.each([
    ["// TO", "DO: later"],
    ["# FIX", "ME"],
    ["it.sk", 'ip("never", f)'],
    ["// @ts-ig", "nore"],
    ["see /ho", "me/someone/notes"],
    ["https://registry.npm", "js.org/effect"],
  ])("leave nothing behind: %s…", (first, second) => {
    expect(tidy.nothingLeftOver("README.md", `fine\n${first}${second}\n`)).toHaveLength(1)
    expect(tidy.nothingLeftOver("README.md", `${first} ${second}\n`)).toEqual([])
  })

  it("find files that nothing reaches", () => {
    const sources = readFacts(
      new Map([
        ["cli/main.ts", 'import "./used.ts"\nnew Worker(new URL("./w.ts", import.meta.url))'],
        ["cli/used.ts", 'export type * from "./types.ts"\nconst lazy = () => import("./lazy.ts")'],
        ["cli/types.ts", "export interface A {}"],
        ["cli/lazy.ts", "export const a = 1"],
        ["cli/w.ts", "export const a = 1"],
        ["cli/dead.ts", 'import "./dead-too.ts"'],
        ["cli/dead-too.ts", "export const a = 1"],
      ]),
    )
    expect(tidy.nothingDead(sources).map(({ path }) => path)).toEqual([
      "cli/dead.ts",
      "cli/dead-too.ts",
    ])
  })

  it("ask for a README and a face of every room, and for the documents", () => {
    expect(tidy.roomsAreFurnished(new Set())).toHaveLength(2 * 9 - 2)
    expect(tidy.documentsExist(new Set()).map(({ path }) => path)).toContain("LICENSE")
  })

  it("follow links of documents", () => {
    const text = "[a](../gone.md) [b](here.md#part) [c](https://example.org) [d](#top)"
    expect(messages(tidy.linksLead("docs/x.md", text, (path) => path === "docs/here.md"))).toEqual([
      "the link to gone.md leads nowhere",
    ])
  })
})

describe("this repository", () => {
  const exclude = [
    "node_modules/**",
    "**/node_modules/**",
    ".git/**",
    "data/**",
    "intelgraph-data/**",
  ]
  const paths = globSync("**/*", { cwd: root, exclude, withFileTypes: true })
    .concat(globSync(".ci/*", { cwd: root, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
  const read = (path: string) => readFileSync(join(root, path), "utf8")
  let sources: readonly SourceFacts[] = []

  beforeAll(() => {
    const typescript = paths.filter((path) => /\.tsx?$/.test(path))
    sources = readFacts(new Map(typescript.map((path) => [path, read(path)])))
  })

  it.each(tidy.sourceRules.map((rule) => [rule.name, rule] as const))("holds %s", (_name, rule) => {
    expect(told(sources.flatMap(rule))).toEqual([])
  })

  it("has no dead file", () => {
    expect(told(tidy.nothingDead(sources))).toEqual([])
  })

  it("leaves no unfinished word, machine's path or registry's host behind", () => {
    const texts = paths.filter(
      (path) =>
        /\.(tsx?|mjs|md|json|ya?ml|css|svg)$|^\.ci\/|^\.npmrc$/.test(path) &&
        !/fixtures|vectors/.test(path),
    )
    const spoken = (path: string) => path !== "test/support/tidy.ts"
    expect(
      told(texts.filter(spoken).flatMap((path) => tidy.nothingLeftOver(path, read(path)))),
    ).toEqual([])
  })

  it("has its rooms and documents in place, and their links lead somewhere", () => {
    const present = new Set(paths)
    expect(told([...tidy.roomsAreFurnished(present), ...tidy.documentsExist(present)])).toEqual([])
    const written = paths.filter((path) => path.endsWith(".md"))
    const exists = (path: string) => existsSync(join(root, path))
    expect(told(written.flatMap((path) => tidy.linksLead(path, read(path), exists)))).toEqual([])
  })
})
