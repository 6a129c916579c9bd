/** What this process started and made, told to a guard that outlives it (`guard.ts`). */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { GuardLine } from "./guard.ts"

const guardFile = fileURLToPath(new URL("./guard.ts", import.meta.url))
let guard: ChildProcess | undefined

/** Has the process ended by `signal`, later by SIGKILL, when this one ends. */
export const watch = (pid: number, signal: NodeJS.Signals): void => tell({ watch: pid, signal })

/** The process has ended: its number may soon be another's. */
export const forget = (pid: number): void => tell({ forget: pid })

/** A new folder for a server's own files, removed when this process ends. */
export function newFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `intelgraph-${name}-`))
  removeAtEnd(folder)
  return folder
}

/** Has a file or a folder removed when this process ends. */
export const removeAtEnd = (path: string): void => tell({ remove: path })

function tell(line: GuardLine): void {
  guard ??= startGuard()
  guard.stdin?.write(`${JSON.stringify(line)}\n`)
}

function startGuard(): ChildProcess {
  const child = spawn(process.execPath, [guardFile], {
    // In a session of its own, so that what ends this process's group does not end the guard.
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    env: { PATH: process.env.PATH },
  })
  child.on("error", (error) => {
    throw error
  })
  child.unref()
  return child
}
