/** What the pipeline makes of a dead letter's bytes now, without writing anything. */
import type { Fault, SourceEvent } from "../../protocols/event.ts"
import { eventsOf } from "../cutting/given.ts"
import { digestOfRecipe } from "../pipeline/digest-of-recipe.ts"
import { effectOfEvent, fingerprintOf } from "../pipeline/effect-of-event.ts"
import type { Recipe } from "../source.ts"

export interface LetterFault extends Fault {
  readonly fingerprint: string
}

/** What is wrong with the record; `undefined` where it would be taken. */
export function faultOf(bytes: Uint8Array, recipe: Recipe): LetterFault | undefined {
  const digest = digestOfRecipe(recipe)
  for (const event of eventsOf({ records: [bytes], recipe })) {
    const found = attempted(event, recipe, digest)
    if (found !== undefined) return found
  }
  return undefined
}

function attempted(
  event: SourceEvent,
  recipe: Recipe,
  digest: Uint8Array,
): LetterFault | undefined {
  try {
    return effectOfEvent(event, recipe, digest).deadLetter
  } catch (error) {
    // A mistake in this program, which would set the record aside again.
    const detail = error instanceof Error ? error.message : String(error)
    return letterFault(event.bytes, { reason: "poison", detail })
  }
}

/** The fault as a dead letter of these bytes has it. */
export function letterFault(bytes: Uint8Array, { reason, detail }: Fault): LetterFault {
  return { reason, detail, fingerprint: fingerprintOf(reason, bytes) }
}
