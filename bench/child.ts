/**
 * Runs a part of a bench in a process of its own, with the flags that the command line runs with.
 */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { nodeFlags } from "../bin/pinned-node.mjs"

const outputBytesMax = 16 * 1024 ** 2

export async function runJsonLines<A>(file: URL, args: readonly string[]): Promise<readonly A[]> {
  const argv = [...nodeFlags, fileURLToPath(file), ...args]
  const { stdout } = await promisify(execFile)(process.execPath, argv, {
    maxBuffer: outputBytesMax,
  })
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as A)
}

export async function runJson<A>(file: URL, args: readonly string[]): Promise<A> {
  const [first] = await runJsonLines<A>(file, args)
  if (first === undefined) throw new Error(`${file} printed nothing`)
  return first
}
