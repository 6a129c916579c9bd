/** What one request carries through its resolvers: whose it is, and what it may still read. */

import type * as Effect from "effect/Effect"
import type { IntelNode, WritesShape } from "../actors/index.ts"
import { DeadlineExceeded } from "../protocols/errors.ts"
import { queryMillisMax, queryRowsMax, receiptWaitMillisMax } from "../protocols/limits.ts"
import type { ChangeFeedShape, GraphReadsShape } from "../stores/index.ts"
import { type Access, tenantOf } from "./access/access.ts"
import type { Audit } from "./access/audit.ts"
import { run } from "./bridge.ts"
import { exceeded } from "./cost.ts"

/** What the edge reads from. Without a node only the graph answers. */
export interface Sources {
  readonly reads: GraphReadsShape
  readonly node?: IntelNode | undefined
  /** Of the node; missing where nothing is written here. */
  readonly writes?: WritesShape | undefined
  /** Keeps who did what. */
  readonly audit?: Audit | undefined
  /** Whether an access has ended since its request came. */
  readonly isOver?: ((access: Access) => boolean) | undefined
  readonly live?: LiveSource | undefined
}

/** Where changes are told of, and the key that signs places in it. */
export interface LiveSource {
  readonly feed: ChangeFeedShape
  readonly resumeKey: Uint8Array
  /** How long a socket may take nothing; `subscriberStallMillisMax` where left out. */
  readonly stallMillisMax?: number
}

export class QueryContext {
  readonly sources: Sources
  readonly access: Access
  readonly #beganMillis: number
  #rows = 0

  constructor(sources: Sources, access: Access, beganMillis = performance.now()) {
    this.sources = sources
    this.access = access
    this.#beganMillis = beganMillis
  }

  /** For the same request from its beginning, in what is left of its time. */
  again(): QueryContext {
    return new QueryContext(this.sources, this.access, this.#beganMillis)
  }

  /** Whose data it is. Throws `Forbidden` for the node's operator. */
  get tenant(): string {
    return tenantOf(this.access)
  }

  /** Runs a read; given up when the request has used up its time. */
  read<A, E>(effect: Effect.Effect<A, E>): A | Promise<A> {
    const millis = this.#beganMillis + queryMillisMax - performance.now()
    if (millis < 0) throw late()
    return run(effect, { millis, late })
  }

  /** How much longer the request's writes may be waited for, all together. */
  get waitMillisLeft(): number {
    return Math.max(0, this.#beganMillis + receiptWaitMillisMax - performance.now())
  }

  /** Counts rows that were read, page sizes aside: lists without one are bounded here. */
  spend<A>(rows: readonly A[]): readonly A[] {
    this.#rows += rows.length
    if (this.#rows > queryRowsMax) {
      throw exceeded("queryRowsMax", queryRowsMax, this.#rows, "rows read")
    }
    return rows
  }
}

const late = () =>
  new DeadlineExceeded({
    message: `The query took longer than ${queryMillisMax} ms and was given up.`,
    retryAfterMillis: 0,
  })
