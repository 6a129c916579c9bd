/** A child process as a test listens to it: its outputs, its end, and what it says meanwhile. */
import type { ChildProcessByStdio } from "node:child_process"
import type { Readable } from "node:stream"

export type Child = ChildProcessByStdio<null, Readable, Readable>

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface Started {
  readonly child: Child
  readonly ended: Promise<Ended>
  /** Waits until stderr holds what is looked for, and gives its first group. */
  readonly says: (pattern: RegExp) => Promise<string>
}

export function listenTo(child: Child): Started {
  let out = ""
  let err = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text
  })
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code) => resolve({ code, out, err }))
  })
  const says = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(err)
        if (found !== null) resolve(found[1] ?? found[0])
      }
      child.stderr.on("data", look)
      child.on("close", () => reject(new Error(`it ended without saying ${pattern}: ${err}`)))
      look()
    })
  return { child, ended, says }
}
