/**
 * The line beneath `Peers`: carries frames between processes, and may lose them. It delivers what
 * one process sent to another in the order of sending, or not at all.
 */

/** Where frames are sent: to whoever has a node's name, or to one process of it. */
export type PeerPlace = { readonly node: string; readonly incarnation?: string }

export interface PeerLine {
  /** Whether the line stands: what is sent while it does not is lost. */
  readonly isUp: () => boolean
  /** `unheard`: the listener is told this number where nobody is at that place. */
  readonly send: (to: PeerPlace, frame: Uint8Array, unheard?: number) => void
}

/** What a line tells its process. */
export interface PeerListener {
  readonly heard: (frame: Uint8Array) => void
  readonly unheard: (number: number) => void
  /** What was sent and not answered may be lost. */
  readonly cut: () => void
}
