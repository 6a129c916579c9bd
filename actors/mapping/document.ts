/** From the text of a mapping document to a `Mapping`; what is wrong has its line and column. */
import * as Effect from "effect/Effect"
import { Invalid } from "../../protocols/errors.ts"
import { type Mapping, MappingSchema } from "../../protocols/mapping.ts"
import { readYamlDocument } from "../../protocols/yaml-document.ts"
import { MappingFault, planOf } from "./plan.ts"

/** Reads and checks a mapping document. */
export const parseMapping = (text: string): Effect.Effect<Mapping, Invalid> =>
  Effect.try({
    try: () => readMapping(text),
    catch: (thrown) => {
      if (thrown instanceof Invalid) return thrown
      throw thrown
    },
  })

/** As `parseMapping`; throws `Invalid`. */
export function readMapping(text: string): Mapping {
  const { value: mapping, refuse } = readYamlDocument(MappingSchema, "mapping", text)
  try {
    planOf(mapping)
    return mapping
  } catch (thrown) {
    if (thrown instanceof MappingFault) throw refuse(thrown.path, thrown.message)
    throw thrown
  }
}
