/**
 * A connector as a follower: where another node has the source, it reads nothing and sees from the
 * source's record how far that one is. Writes are not followed (`tenant.ts`).
 */
import { type IntelGraphError, Unavailable } from "../protocols/errors.ts"
import type { Run } from "../protocols/event.ts"
import { followLooksMin, retryMillisMax } from "../protocols/limits.ts"
import type { IngestRequest } from "./api.ts"
import { shardOfConnector } from "./partition.ts"
import { type FileRead, fileReadBy, isOfFile, type RunRecord } from "./run-record.ts"
import type { World } from "./world.ts"

export class Follower {
  readonly #world: Pick<World, "holderElsewhere">
  readonly #request: IngestRequest
  readonly #shard: number
  #looks = 0
  /** What was there before: the newest run where it had failed, and all runs. */
  #firstSeen: string | undefined
  #runsBefore: ReadonlySet<string> | undefined

  /** `sender`: the connector's name. */
  constructor(world: Pick<World, "holderElsewhere">, request: IngestRequest, sender: string) {
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
    const run = nameOf(record?.run)
    this.#firstSeen ??= record?.state === "failed" ? run : ""
    const isSame = record?.contentHash === contentHash
    const hasFailed = record?.state === "failed" && isSame && run !== this.#firstSeen
    return hasFailed ? failedElsewhere(request) : undefined
  }

  /**
   * What the owner has read to its end in a run that began since this looks. Where that is not the
   * content that was found here, the file has changed meanwhile, and that content never comes.
   */
  readSince(record: RunRecord | undefined): FileRead | undefined {
    const read = fileReadBy(record)
    this.#runsBefore ??= new Set([nameOf(record?.run), nameOf(read?.run)])
    const isNew = read !== undefined && isOfFile(read) && !this.#runsBefore.has(nameOf(read.run))
    return isNew && this.#request.again === "once" ? read : undefined
  }
}

const nameOf = (run: Run | undefined): string =>
  run === undefined ? "" : `${run.epoch} ${run.count}`

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
