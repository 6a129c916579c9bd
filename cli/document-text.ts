/** What a person wrote for a command: the text of a configuration or a mapping, a record. */
import { readFileSync, statSync } from "node:fs"
import { Invalid } from "../protocols/errors.ts"
import { documentBytesMax, recordBytesMax } from "../protocols/limits.ts"

interface Named {
  readonly path: string
  readonly what: "configuration" | "mapping" | "record"
  /** What to do where it cannot be read. */
  readonly next: string
}

/** Throws `Invalid`, with one sentence why there is no text. */
export const documentText = (named: Named): string =>
  bytesOf(named, documentBytesMax).toString("utf8")

/** The record that is alone in its file, without the line end behind it. Throws `Invalid`. */
export function recordIn(path: string): Uint8Array {
  const next = "Name a file that holds the one record."
  const bytes = bytesOf({ path, what: "record", next }, recordBytesMax)
  const end = bytes.at(-1) === 0x0a ? bytes.length - 1 : bytes.length
  return bytes.subarray(0, bytes[end - 1] === 0x0d ? end - 1 : end)
}

function bytesOf({ path, what, next }: Named, bytesMax: number): Buffer {
  let why = `it is longer than ${bytesMax} bytes`
  try {
    if (statSync(path).size <= bytesMax) return readFileSync(path)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const { code } = error as NodeJS.ErrnoException
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new Invalid({ what, message: `There is no ${what} ${path}.`, next })
    }
    why = reasons[code ?? ""] ?? error.message
  }
  throw new Invalid({ what, message: `The ${what} ${path} cannot be read: ${why}.`, next })
}

const reasons: { readonly [code: string]: string } = {
  EISDIR: "it is a folder",
  EACCES: "this user may not read it",
  EPERM: "this user may not read it",
}
