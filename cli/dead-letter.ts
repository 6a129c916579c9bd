/** A dead letter as people and programs read it. */
import { isUtf8 } from "node:buffer"
import { Invalid } from "../protocols/errors.ts"
import { type DeadLetterReason, formatRun } from "../protocols/event.ts"
import type { DeadLetter } from "../stores/index.ts"

const reasons: { readonly [reason in DeadLetterReason]: true } = {
  "record-too-large": true,
  "invalid-json": true,
  "invalid-csv": true,
  "invalid-utf8": true,
  "invalid-text": true,
  "invalid-id": true,
  "invalid-type": true,
  "invalid-relationship": true,
  "invalid-property": true,
  "missing-key": true,
  "failed-coercion": true,
  "too-many-assertions": true,
  truncated: true,
  poison: true,
}

/** A reason that was named, if any. Throws `Invalid` for one that no record can have. */
export function reasonOf(named: string | undefined): string | undefined {
  if (named === undefined || Object.hasOwn(reasons, named)) return named
  const choices = Object.keys(reasons).join(", ")
  const message = `--reason is ${JSON.stringify(named.slice(0, 80))}; it is one of ${choices}.`
  throw new Invalid({ what: "reason", message })
}

/** The reasons that were named, each one that a record can have. Throws `Invalid`. */
export const reasonsOf = (named: readonly string[]): readonly string[] =>
  named.map((one) => reasonOf(one) ?? one)

export const plainDeadLetter = ({ bytes: _bytes, run, ...letter }: DeadLetter) => ({
  ...letter,
  run: formatRun(run),
})

/** With its bytes: as text where they are UTF-8, as base64 in any case. */
export const wholeDeadLetter = (letter: DeadLetter) => ({
  ...plainDeadLetter(letter),
  keptBytes: letter.bytes.length,
  text: isUtf8(letter.bytes) ? Buffer.from(letter.bytes).toString("utf8") : null,
  base64: Buffer.from(letter.bytes).toString("base64"),
})
