/**
 * Lines between processes that are all in one: frames arrive in the order of sending, each in a
 * task of its own, over a host that may be virtual. A test may hold, lose or cut what passes.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { PeerLine, PeerListener, PeerPlace } from "../../runtime/core/peer-line.ts"
import type { Host, Who } from "../../runtime/index.ts"
import { makePeers, type PeerOptions, type Peers } from "../../runtime/index.ts"

const deaf: PeerListener = { heard: () => {}, unheard: () => {}, cut: () => {} }

interface Process {
  readonly own: Who
  readonly listener: PeerListener
  isUp: boolean
}

export class MemoryLines {
  readonly #host: Pick<Host, "yield">
  readonly #processes = new Set<Process>()
  readonly #held = new Map<string, (() => void)[]>()
  /** Decides of each frame whether it is lost. */
  isLost: (to: PeerPlace, frame: Uint8Array) => boolean = () => false

  constructor(host: Pick<Host, "yield">) {
    this.#host = host
  }

  open(options: PeerOptions): Effect.Effect<Peers, never, Scope.Scope> {
    return makePeers(options, (listener) =>
      this.line(options.own, {
        heard: (frame) => listener.heard(frame),
        unheard: (number) => listener.unheard(number),
        cut: () => listener.cut(),
      }),
    )
  }

  /** Nothing passes to or from the node until it is healed. */
  hold(node: string): void {
    this.#held.set(node, this.#held.get(node) ?? [])
  }

  heal(node: string): void {
    const waiting = this.#held.get(node) ?? []
    this.#held.delete(node)
    for (const pass of waiting) pass()
  }

  /** The node's line breaks; what it sends is lost until it is mended. */
  cut(node: string): void {
    for (const process of this.#of({ node })) {
      process.isUp = false
      process.listener.cut()
    }
  }

  mend(node: string): void {
    for (const process of this.#of({ node })) process.isUp = true
  }

  /** The process is gone and says nothing more. */
  vanish(own: Who): void {
    for (const process of this.#of(own)) this.#processes.delete(process)
  }

  /** A line of its own, for what a node does not say. */
  line(own: Who, told: Partial<PeerListener>): Effect.Effect<PeerLine, never, Scope.Scope> {
    const listener = { ...deaf, ...told }
    const process: Process = { own, listener, isUp: true }
    const line: PeerLine = {
      isUp: () => process.isUp,
      send: (to, frame, unheard) => {
        if (!process.isUp || !this.#processes.has(process)) return
        if (this.isLost(to, frame)) return
        const bytes = new Uint8Array(frame)
        this.#after(own.node, () => this.#arrive(process, to, bytes, unheard))
      },
    }
    return Effect.acquireRelease(
      Effect.sync(() => {
        this.#processes.add(process)
        return line
      }),
      () => Effect.sync(() => this.#host.yield(() => this.#processes.delete(process))),
    )
  }

  /** As a server does: who is not connected is not there, whose line is held is. */
  #arrive(from: Process, to: PeerPlace, bytes: Uint8Array, unheard: number | undefined): void {
    const there = this.#of(to).filter(({ isUp }) => isUp)
    if (there.length === 0 && unheard !== undefined) from.listener.unheard(unheard)
    for (const { own, listener } of there) this.#after(own.node, () => listener.heard(bytes))
  }

  #after(node: string, pass: () => void): void {
    const held = this.#held.get(node)
    if (held === undefined) this.#host.yield(pass)
    else held.push(() => this.#host.yield(pass))
  }

  #of({ node, incarnation }: PeerPlace): readonly Process[] {
    return [...this.#processes].filter(
      ({ own }) =>
        own.node === node && (incarnation === undefined || own.incarnation === incarnation),
    )
  }
}
