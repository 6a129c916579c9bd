/** A dead letter as people and programs read it. */
import { isUtf8 } from "node:buffer"
import { formatRun } from "../protocols/event.ts"
import type { DeadLetter } from "../stores/index.ts"

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
