/**
 * The product as a person has it: the `intelgraph` command through its launcher, a folder to stand
 * in, and what comes out. Of the program only the summary's published schema is imported.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Result from "effect/Result"
import * as SchemaParser from "effect/SchemaParser"
import { afterAll, expect } from "vitest"
import { SummarySchema } from "../../protocols/summary.ts"
import { type Ended, listenTo, type Started } from "../support/child.ts"

export const launcher = join(import.meta.dirname, "../../bin/intelgraph.mjs")

// biome-ignore lint/suspicious/noExplicitAny: JSON that the command printed, looked at by name
export type Printed = any

const running = new Set<ChildProcess>()

/** A folder for the tests of one file; what still runs in it is ended with it. */
export function newWorld(): string {
  const folder = mkdtempSync(join(tmpdir(), "intelgraph-accept-"))
  afterAll(() => {
    for (const child of running) endGroup(child)
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

/** The launcher and the node that it started are one process group. */
function endGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, "SIGKILL")
}

export const start = (folder: string, ...words: readonly string[]): Started =>
  startProgram(folder, process.execPath, [launcher, ...words])

export function startProgram(
  folder: string,
  program: string,
  words: readonly string[],
  env: { readonly [name: string]: string } = {},
): Started {
  const child = spawn(program, words, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  })
  running.add(child)
  child.on("close", () => running.delete(child))
  return listenTo(child)
}

/** Runs a command to its end; whatever it says, it shows nobody a stack. */
export async function intelgraph(folder: string, ...words: readonly string[]): Promise<Ended> {
  const ended = await start(folder, ...words).ended
  expect(ended.err, words.join(" ")).not.toMatch(/\n\s+at |should not happen/)
  return ended
}

/** Runs a command that must succeed, and gives the JSON that it prints. */
export async function json(folder: string, ...words: readonly string[]): Promise<Printed> {
  const { code, out, err } = await intelgraph(folder, ...words, "--json")
  expect([words, code, code === 0 ? "" : err]).toEqual([words, 0, ""])
  return JSON.parse(out)
}

/** The summary that a run printed, which has all that its schema names and nothing else. */
export function expectSummary(out: string): Printed {
  const decoded = SchemaParser.decodeUnknownResult(SummarySchema, { onExcessProperty: "error" })(
    JSON.parse(out),
  )
  if (Result.isFailure(decoded)) throw new Error(String(decoded.failure))
  return decoded.success
}

export const put = (folder: string, name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content)
  return name
}

export const ndjson = (records: readonly unknown[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join("")

/** One JSON value a line, cells quoted where they need it. */
export const csv = (columns: readonly string[], rows: readonly (readonly string[])[]): string =>
  [columns, ...rows]
    .map((row) => row.map((cell) => (/[",\n]/.test(cell) ? quote(cell) : cell)).join(","))
    .join("\r\n")

const quote = (cell: string) => `"${cell.replaceAll('"', '""')}"`

/** The same records in another order, the same each time. */
export function shuffled<A>(records: readonly A[], seed: number): readonly A[] {
  const weight = (index: number) => Math.imul(index + seed, 0x9e3779b1) >>> 0
  return records
    .map((record, index) => ({ record, at: weight(index) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ record }) => record)
}

/** A STIX id, the same for the same type and number. */
export const stixId = (type: string, n: number): string =>
  `${type}--00000000-0000-4000-8000-${n.toString(16).padStart(12, "0")}`
