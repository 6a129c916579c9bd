/** How actors and connectors look to those who subscribe to them. */
import { basename, isAbsolute } from "node:path"
import type { ConnectorProgress } from "../../actors/index.ts"
import { formatAddress } from "../../protocols/address.ts"
import type { ActorView } from "../../runtime/index.ts"
import type { Sample, Seen } from "./latest-hub.ts"

/** Every actor below and with `root`; the root value of `actorChanged`. */
export function lookOfActors(root: ActorView): Sample {
  const sample = new Map<string, Seen>()
  const add = (actor: ActorView) => {
    const { state, restarts, lastError, counters, children } = actor
    const address = formatAddress(actor.address)
    sample.set(address, {
      look: JSON.stringify([state, restarts, lastError, counters]),
      show: (gap) => ({ address, actor, gap }),
    })
    for (const child of children) add(child)
  }
  add(root)
  return sample
}

export const showGoneActor = (address: string) => (gap: number) => ({ address, actor: null, gap })

/** The tenant's connectors; the root value of `sourceProgress`. How long they take is no news. */
export function lookOfSources(all: readonly ConnectorProgress[], tenant: string): Sample {
  const sample = new Map<string, Seen>()
  for (const progress of all) {
    if (progress.tenant !== tenant) continue
    const { source, file } = progress
    const { seconds: _, ...shown } = shownProgress(progress, 0)
    sample.set(JSON.stringify([source, file]), {
      look: JSON.stringify(shown),
      kind: source,
      show: (gap) => shownProgress(progress, gap),
    })
  }
  return sample
}

/** As `SourceProgress` of the schema: who may read need not know the folders of the machine. */
export function shownProgress(progress: ConnectorProgress, gap: number) {
  const { source, file, phase, counters, fileBytes, fileBytesRead } = progress
  const { refusedBlocks, mailboxDepth, seconds, error } = progress
  const name = isAbsolute(file) ? basename(file) : file
  return {
    source,
    file: name,
    phase,
    ...counters,
    fileBytes,
    fileBytesRead,
    refusedBlocks,
    mailboxDepth,
    seconds,
    error: error?.message.replaceAll(file, name) ?? null,
    gap,
  }
}
