/**
 * One entry of the register that this node keeps: written, written again before it vanishes, and
 * removed, as a state machine without time or I/O.
 *
 * Promises: one request at a time; each knows the revision that it replaces, so an entry that
 * another wrote in between is found out and not overwritten; what is held was stored after
 * `confirmedMillis`, by the clock of this node, so it stands at least until `leaseMillis` later.
 * What may fail beneath: any request may end without its outcome being known. It is then made
 * again, and where the earlier one was stored after all, what it stored is taken for one's own. An
 * entry that vanished and that nobody replaced is written anew: a register that is away lets all
 * entries vanish, and they are still those of whoever comes first.
 * Does not promise that the entry stands still: a node that was paused finds out afterwards.
 */
import {
  leaseGraceMillis,
  leaseMillis,
  leaseRenewMillis,
  registerRetryMillis,
} from "../../protocols/limits.ts"
import type { Entry, Found, Outcome, Place, Who } from "./placement-register.ts"

/** What is to be asked of the register; its outcome is told with the same number. */
export type ClaimRequest =
  | {
      readonly kind: "put"
      readonly request: number
      readonly entry: Entry
      readonly expected: number | undefined
    }
  | {
      readonly kind: "remove"
      readonly request: number
      readonly place: Place
      readonly expected: number
    }

/** `unknown`: no answer came in time. */
export type ClaimAnswer = Outcome | { readonly kind: "unknown" }

export class Claim {
  readonly place: Place
  readonly #who: Who
  #wanted: Entry | undefined
  #stored: Entry | undefined
  #revision: number | undefined
  #asked: (ClaimRequest & { readonly atMillis: number }) | undefined
  #firstMillis: number | undefined
  #confirmedMillis = Number.NEGATIVE_INFINITY
  #dueMillis = Number.NEGATIVE_INFINITY

  constructor(place: Place, who: Who) {
    this.place = place
    this.#who = who
  }

  /** As it was last known to be stored. */
  get stored(): Entry | undefined {
    return this.#stored
  }

  /** A request is under way. */
  get asked(): number | undefined {
    return this.#asked?.request
  }

  /** It was stored after this time; minus infinity where it never was. */
  get confirmedMillis(): number {
    return this.#confirmedMillis
  }

  /** What is to stand there; `undefined` for nothing. */
  want(entry: Entry | undefined, nowMillis: number): void {
    if (same(entry, this.#wanted)) return
    this.#wanted = entry
    this.#dueMillis = nowMillis
    const isNowhere = this.#revision === undefined && this.#asked === undefined
    if (entry === undefined && isNowhere) this.#stored = undefined
  }

  /** It is to be written again now, whether or not it is time. */
  prove(nowMillis: number): void {
    this.#dueMillis = nowMillis
  }

  /** The request that is to be made now, by that number. */
  ask(request: number, nowMillis: number): ClaimRequest | undefined {
    if (this.#asked !== undefined || nowMillis < this.#dueMillis) return undefined
    const asked = this.#next(request)
    if (asked === undefined) return undefined
    this.#asked = { ...asked, atMillis: nowMillis }
    if (asked.kind === "put") this.#firstMillis ??= nowMillis
    return asked
  }

  /** `held`, `lost` to another or to time, or `gone` by one's own wish; or not known yet. */
  answer(answer: ClaimAnswer, nowMillis: number): "held" | "lost" | "gone" | "unknown" {
    const asked = this.#asked
    this.#asked = undefined
    if (asked === undefined) return "unknown"
    if (answer.kind === "unknown") {
      this.#dueMillis = nowMillis + registerRetryMillis
      return "unknown"
    }
    if (answer.kind === "refused") return this.#refused(answer.found, nowMillis)
    if (asked.kind === "remove") return this.#forget("gone")
    this.#revision = answer.revision
    this.#stored = asked.entry
    this.#confirmedMillis = asked.atMillis
    const renewed = same(this.#wanted, this.#stored)
    this.#dueMillis = renewed ? asked.atMillis + leaseRenewMillis : nowMillis
    return "held"
  }

  /** What a watch saw in this place. It may be older than what is known here. */
  seen({ entry, revision }: Found, nowMillis: number): "lost" | "unknown" {
    const known = this.#revision
    if (known === undefined || revision <= known || this.#asked !== undefined) return "unknown"
    if (entry === undefined && this.#wanted !== undefined) return this.#lapsed(nowMillis)
    return entry !== undefined && this.#isMine(entry) ? "unknown" : this.#forget("lost")
  }

  /** Too long has passed since it was known to stand. */
  expire(nowMillis: number): "lost" | "unknown" {
    return nowMillis >= this.#expiresMillis ? this.#forget("lost") : "unknown"
  }

  /** When there is something to ask, or the entry is lost, unless an answer comes before. */
  get wakeAtMillis(): number {
    const waiting = this.#asked === undefined && this.#next(0) !== undefined
    return Math.min(waiting ? this.#dueMillis : Number.POSITIVE_INFINITY, this.#expiresMillis)
  }

  get #expiresMillis(): number {
    const since = Math.max(this.#confirmedMillis, this.#firstMillis ?? Number.NEGATIVE_INFINITY)
    return since === Number.NEGATIVE_INFINITY
      ? Number.POSITIVE_INFINITY
      : since + leaseMillis + leaseGraceMillis
  }

  #next(request: number): ClaimRequest | undefined {
    const expected = this.#revision
    const entry = this.#wanted
    if (entry !== undefined) return { kind: "put", request, entry, expected }
    if (expected === undefined) return undefined
    return { kind: "remove", request, place: this.place, expected }
  }

  #refused({ entry, revision }: Found, nowMillis: number): "held" | "lost" | "gone" | "unknown" {
    const isVacant = entry === undefined && this.#stored !== undefined
    if (isVacant && this.#wanted !== undefined) return this.#lapsed(nowMillis)
    if (entry === undefined || !this.#isMine(entry)) {
      this.#dueMillis = nowMillis + registerRetryMillis
      return this.#forget(this.#wanted === undefined ? "gone" : "lost")
    }
    // An earlier request was stored and its answer lost; when, is not known. It is written again.
    this.#revision = revision
    this.#stored = entry
    this.#dueMillis = nowMillis
    return "held"
  }

  /** It is gone, and nobody was seen in its place. */
  #lapsed(nowMillis: number): "unknown" {
    this.#revision = undefined
    this.#dueMillis = nowMillis
    return "unknown"
  }

  #isMine(entry: Entry): boolean {
    return entry.node === this.#who.node && entry.incarnation === this.#who.incarnation
  }

  #forget<Why extends "lost" | "gone">(why: Why): Why {
    this.#revision = undefined
    this.#stored = undefined
    this.#asked = undefined
    this.#firstMillis = undefined
    this.#confirmedMillis = Number.NEGATIVE_INFINITY
    return why
  }
}

function same(one: Entry | undefined, other: Entry | undefined): boolean {
  if (one?.kind === "node" && other?.kind === "node") {
    return one.standing === other.standing && one.weight === other.weight
  }
  if (one?.kind === "lease" && other?.kind === "lease") return one.epoch === other.epoch
  return one === other
}
