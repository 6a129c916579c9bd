/** Where the events of one subscription go. */
import type { Frame } from "./frame.ts"
import type { Wire } from "./wire.ts"

export interface Outlet {
  /** Of the socket, which other subscriptions may share. */
  readonly wire: Wire
  /** All in one write. */
  readonly send: (frames: readonly Frame[]) => void
  /** Ends the subscription; nothing is sent afterwards. */
  readonly fail: (error: unknown) => void
}

/** What the edge counts of its subscriptions. */
export interface LiveCounts {
  sockets: number
  streams: number
  subscribers: number
  groups: number
  executions: number
  frames: number
  catchUps: number
  stalled: number
  expired: number
}

export const noCounts = (): LiveCounts => ({
  sockets: 0,
  streams: 0,
  subscribers: 0,
  groups: 0,
  executions: 0,
  frames: 0,
  catchUps: 0,
  stalled: 0,
  expired: 0,
})
