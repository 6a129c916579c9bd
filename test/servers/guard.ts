/**
 * Ends what a process started when that process ends, however it ends: this file runs as a process
 * of its own, reads the other end of a pipe, and acts when the pipe closes. `kill -9` of the
 * owner closes it too. What remains possible: somebody kills the guard first.
 *
 * Each line that it reads is one `GuardLine`.
 */
import { rmSync } from "node:fs"
import { createInterface } from "node:readline"
import { isAlive, killTree, signalTree } from "./process-tree.ts"

/** What the guard is told: to end a process, to remove a path, or no longer to. */
export type GuardLine =
  | { readonly watch: number; readonly signal: NodeJS.Signals }
  | { readonly forget: number }
  | { readonly remove: string }

/** A server that was asked to end is killed after this long. */
const graceMillis = 5_000

const watched = new Map<number, NodeJS.Signals>()
const paths = new Set<string>()

// Ctrl-C in a terminal goes to the owner; what follows from it arrives through the pipe.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {})

for await (const text of createInterface({ input: process.stdin })) {
  const line: GuardLine = JSON.parse(text)
  if ("watch" in line) watched.set(line.watch, line.signal)
  else if ("forget" in line) watched.delete(line.forget)
  else paths.add(line.remove)
}

for (const [pid, signal] of watched) {
  signalTree(pid, signal)
  signalTree(pid, "SIGCONT")
}
const until = Date.now() + graceMillis
while (Date.now() < until && [...watched.keys()].some(isAlive)) {
  await new Promise((resolve) => setTimeout(resolve, 20))
}
for (const pid of watched.keys()) killTree(pid)
for (const path of paths) rmSync(path, { recursive: true, force: true, maxRetries: 20 })
