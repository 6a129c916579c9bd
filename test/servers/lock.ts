import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { isAlive } from "./process-tree.ts"

/** Makes the file with this process's id, unless a living process holds it. */
export function takeLock(path: string): boolean {
  try {
    writeFileSync(path, `${process.pid}`, { flag: "wx" })
    return true
  } catch {
    const isHeld = readIfThere(path) === "" || holderOf(path) !== undefined
    if (!isHeld) rmSync(path, { force: true })
    return false
  }
}

/** The living process that holds the file. */
export function holderOf(path: string): number | undefined {
  const holder = Number(readIfThere(path))
  return holder > 0 && isAlive(holder) ? holder : undefined
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
