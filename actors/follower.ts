/**
 * A connector as a follower: where another node has the source, it reads nothing and sees from the
 * source's record how far that one is. Writes are not followed (`tenant.ts`).
 */
import { type IntelGraphError, Unavailable } from "../protocols/errors.ts"
import { followLooksMin, retryMillisMax } from "../protocols/limits.ts"
import type { IngestRequest } from "./api.ts"
import { shardOfConnector } from "./partition.ts"
import type { RunRecord } from "./run-record.ts"
import type { World } from "./world.ts"

export class Follower {
  readonly #world: World
  readonly #request: IngestRequest
  readonly #shard: number
  #looks = 0
  /** The failed run that was there before. */
  #firstSeen: string | undefined

  /** `sender`: the connector's name. */
  constructor(world: World, request: IngestRequest, sender: string) {
    this.#world = world
    this.#request = request
    this.#shard = shardOfConnector(sender)
  }

  /**
   * Why it is in vain to look again. A file that somebody hands to this node is for this node to
   * read, and a run that began since this looks and failed will not be read again.
   */
  isInVain(contentHash: string, record: RunRecord | undefined): IntelGraphError | undefined {
    this.#looks += 1
    const request = this.#request
    const holder = this.#world.holderElsewhere(this.#shard)
    const isHandedHere = request.again === "always" && this.#looks > followLooksMin
    if (isHandedHere && holder !== undefined) return readElsewhere(request, holder)
    const run = record === undefined ? "" : `${record.run.epoch} ${record.run.count}`
    this.#firstSeen ??= record?.state === "failed" ? run : ""
    const isSame = record?.contentHash === contentHash
    const hasFailed = record?.state === "failed" && isSame && run !== this.#firstSeen
    return hasFailed ? failedElsewhere(request) : undefined
  }
}

const readElsewhere = ({ tenant, source }: IngestRequest, holder: string): Unavailable =>
  new Unavailable({
    message: `The source ${source} of ${tenant} is node ${holder}'s to read.`,
    retryAfterMillis: retryMillisMax,
    next: `Give the file to node ${holder}.`,
  })

const failedElsewhere = ({ tenant, source }: IngestRequest): Unavailable =>
  new Unavailable({
    message: `Another node read the source ${source} of ${tenant}, and its run failed.`,
    retryAfterMillis: retryMillisMax,
    next: "See the log of that node.",
  })
