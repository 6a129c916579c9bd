/** The key of a data directory by which its resume tokens are known: made once, kept with it. */
import { randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import type { DataDirectory } from "../../runtime/index.ts"

const name = "resumeKey"
const keyBytes = 32

/** Makes the key where there is none yet; the directory must then be open for writing. */
export const resumeKeyOf = ({ meta }: Pick<DataDirectory, "meta">) =>
  Effect.suspend(() => {
    const known = knownResumeKey({ meta })
    if (known !== undefined) return Effect.succeed(known)
    const key = randomBytes(keyBytes)
    return Effect.as(meta.set(name, key.toString("base64url")), key)
  })

/** `undefined` where no node of this release has run on the directory yet. */
export function knownResumeKey({ meta }: Pick<DataDirectory, "meta">): Buffer | undefined {
  const kept = meta.get(name)
  return kept === undefined ? undefined : Buffer.from(kept, "base64url")
}
