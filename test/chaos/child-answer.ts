/** Processes of our own that answer by lines of JSON on their stdout. */
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { forget, watch } from "../servers/guarded.ts"

/** Starts a file of this folder; each line that it prints is told. It ends with this process. */
export function startScript(
  file: string,
  words: readonly string[],
  tell: (line: unknown) => void,
): ChildProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, file), ...words], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  })
  const { pid } = child
  if (pid !== undefined) watch(pid, "SIGTERM")
  child.once("exit", () => {
    if (pid !== undefined) forget(pid)
  })
  createInterface({ input: child.stdout }).on("line", (line) => tell(JSON.parse(line)))
  return child
}

/** Runs a file of this folder to its end and gives what it printed last. */
export async function answerOf(file: string, ...words: readonly string[]): Promise<unknown> {
  let answer: unknown
  const child = startScript(file, words, (line) => {
    answer = line
  })
  const code = await new Promise((resolve) => child.once("close", resolve))
  if (code !== 0) throw new Error(`${file} ended with ${code}`)
  return answer
}
