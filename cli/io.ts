/**
 * What a verb may touch of the process it runs in. Results go to stdout alone; progress, warnings
 * and errors go to stderr.
 */
import type * as Effect from "effect/Effect"

export interface Size {
  readonly columns: number
  readonly rows: number
}

export interface Io {
  /** One result: text as it is, or a value as one line of JSON. */
  readonly out: (text: string) => void
  /** Completes when stdout has taken what it was given so far, and others have had their turn. */
  readonly taken: Effect.Effect<void>
  /** A line for a person; it stays, above what is drawn. */
  readonly tell: (line: string) => void
  /** Lines on a terminal, in place of those that were drawn before. */
  readonly draw: (lines: readonly string[]) => void
  /** What is drawn stays as it is. */
  readonly leave: () => void
  readonly isTerminal: boolean
  /** The terminal's. */
  readonly size: () => Size
  readonly env: { readonly [name: string]: string | undefined }
  readonly folder: string
  /** Completes at the first Ctrl-C or SIGTERM; the second ends the process. */
  readonly interrupted: Effect.Effect<void>
}
