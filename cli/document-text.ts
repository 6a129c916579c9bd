/** The text of a document that a person wrote: a configuration or a mapping. */
import { readFileSync, statSync } from "node:fs"
import { Invalid } from "../protocols/errors.ts"
import { documentBytesMax } from "../protocols/limits.ts"

interface Named {
  readonly path: string
  readonly what: "configuration" | "mapping"
  /** What to do where it cannot be read. */
  readonly next: string
}

/** Throws `Invalid`, with one sentence why there is no text. */
export function documentText({ path, what, next }: Named): string {
  let why = `it is longer than ${documentBytesMax} bytes`
  try {
    if (statSync(path).size <= documentBytesMax) return readFileSync(path, "utf8")
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
