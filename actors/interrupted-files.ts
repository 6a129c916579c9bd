/**
 * Files that were interrupted while a node read them, and that whoever starts it will ask for
 * again. Writes to their sources wait for that: they were taken behind the file, and a file that is
 * read on after them would undo what they wrote. What is never asked for holds its writes up until
 * a start whose configuration does not name the source any more.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { formatAddress } from "../protocols/address.ts"
import type { IntelGraphError } from "../protocols/errors.ts"
import { shardOfConnector } from "./partition.ts"
import { decodeRun, isOfFile, runPath } from "./run-record.ts"
import type { World } from "./world.ts"

export interface SourceName {
  readonly tenant: string
  readonly source: string
}

export class InterruptedFiles {
  readonly #waited = new Map<string, Deferred.Deferred<void>>()

  /** Looks for what was interrupted of these sources. */
  find(world: World, sources: readonly SourceName[]): Effect.Effect<void, IntelGraphError> {
    return Effect.forEach(
      sources,
      ({ tenant, source }) => {
        const shard = shardOfConnector(formatAddress({ tenant, kind: "connector", key: source }))
        const read = world.ports.state.read(shard, runPath(tenant, source))
        return Effect.map(read, (bytes) => {
          const record = bytes === undefined ? undefined : decodeRun(bytes)
          if (record?.state !== "open" || !isOfFile(record)) return
          this.#waited.set(nameOf(tenant, source), Deferred.makeUnsafe<void>())
        })
      },
      { discard: true },
    )
  }

  /** The file of the source stands in the tenant's queue: what waited comes behind it. */
  asked(of: SourceName): void {
    if (this.#waited.size === 0) return
    const name = nameOf(of.tenant, of.source)
    const waited = this.#waited.get(name)
    if (waited === undefined) return
    this.#waited.delete(name)
    Deferred.doneUnsafe(waited, Effect.void)
  }

  /** At once, where nothing of the source was interrupted. */
  wait({ tenant, source }: SourceName): Effect.Effect<void> {
    const waited = this.#waited.get(nameOf(tenant, source))
    return waited === undefined ? Effect.void : Deferred.await(waited)
  }
}

const nameOf = (tenant: string, source: string) => `${tenant} ${source}`
