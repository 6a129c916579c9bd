/**
 * The key by which resume tokens are known: made once, kept with the data directory. The nodes of a
 * cluster keep the same one, so that who was told by one of them goes on at another.
 */
import { randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import type { DataDirectory } from "../../runtime/index.ts"

const name = "resumeKey"
const keyBytes = 32

/**
 * Makes the key where there is none yet; the directory must then be open for writing. `agree` says
 * what all have, given what this one would have.
 */
export const resumeKeyOf = <E = never>(
  { meta }: Pick<DataDirectory, "meta">,
  agree: (own: Uint8Array) => Effect.Effect<Uint8Array, E> = Effect.succeed,
) =>
  Effect.gen(function* () {
    const known = knownResumeKey({ meta })
    const key = Buffer.from(yield* agree(known ?? randomBytes(keyBytes)))
    if (known?.equals(key) !== true) yield* meta.set(name, key.toString("base64url"))
    return key
  })

/** `undefined` where no node of this release has run on the directory yet. */
export function knownResumeKey({ meta }: Pick<DataDirectory, "meta">): Buffer | undefined {
  const kept = meta.get(name)
  return kept === undefined ? undefined : Buffer.from(kept, "base64url")
}
