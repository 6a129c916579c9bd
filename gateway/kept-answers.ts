/**
 * Answers to queries by GET, kept while nothing is committed for their tenant, so that who asks
 * again, with the tag of the answer or without, costs no execution.
 *
 * Promises: an answer is given only to the reach of access that it was made for, and only while the
 * store's version of the tenant is the one from before it was made: after a write is acknowledged
 * nobody is answered with what was before it. Answers that show the node's own state are not kept.
 */
import { hash } from "node:crypto"
import { answerKeptLengthMax, answersKeptLengthMax, answersKeptMax } from "../protocols/limits.ts"
import type { GraphReadsShape } from "../stores/index.ts"
import { type Access, reachOf } from "./access/access.ts"
import { isPromise, run } from "./bridge.ts"
import type { Answered } from "./execute.ts"

/** One that is sent: with a tag that no other answer, tenant or reach of access has. */
export interface TaggedAnswer {
  readonly text: string
  readonly tag: string
}

/** Of the 43 characters of a SHA-256: 132 bits. */
const answerTagLength = 22

interface Kept extends TaggedAnswer {
  readonly version: string
}

export class KeptAnswers {
  readonly #reads: GraphReadsShape
  readonly #kept = new Map<string, Kept>()
  #length = 0
  hits = 0
  misses = 0

  constructor(reads: GraphReadsShape) {
    this.#reads = reads
  }

  get count(): number {
    return this.#kept.size
  }

  /** Characters of all that is kept. */
  get length(): number {
    return this.#length
  }

  /** `target` is the request's address as it came, `type` that of the answer. */
  ask(access: Access, type: string, target: string): Asking {
    const seenBy = `${reachText(access)}\n${type}`
    return new Asking(this, seenBy, target, versionOf(this.#reads, access.tenant))
  }

  find(name: string, version: string | undefined): TaggedAnswer | undefined {
    const kept = this.#kept.get(name)
    if (kept !== undefined && kept.version === version) {
      this.hits += 1
      this.#kept.delete(name)
      this.#kept.set(name, kept)
      return kept
    }
    if (kept !== undefined) this.#forget(name, kept)
    this.misses += 1
    return undefined
  }

  keep(name: string, answer: Kept): void {
    const weight = weightOf(name, answer)
    if (weight > answerKeptLengthMax) return
    const before = this.#kept.get(name)
    if (before !== undefined) this.#forget(name, before)
    this.#kept.set(name, answer)
    this.#length += weight
    for (const [oldest, other] of this.#kept) {
      if (this.#kept.size <= answersKeptMax && this.#length <= answersKeptLengthMax) return
      this.#forget(oldest, other)
    }
  }

  #forget(name: string, kept: Kept): void {
    this.#kept.delete(name)
    this.#length -= weightOf(name, kept)
  }
}

/** One request by GET: what is kept for it, and what it leaves. */
export class Asking {
  readonly #answers: KeptAnswers
  readonly #seenBy: string
  readonly #name: string
  /** From before anything is read for the answer. */
  readonly #version: string | undefined

  constructor(answers: KeptAnswers, seenBy: string, target: string, version: string | undefined) {
    this.#answers = answers
    this.#seenBy = seenBy
    this.#name = `${seenBy}\n${target}`
    this.#version = version
  }

  find(): TaggedAnswer | undefined {
    return this.#version === undefined ? undefined : this.#answers.find(this.#name, this.#version)
  }

  /** The answer with its tag, kept where the graph alone decides it. */
  tagged({ text, isOfGraph }: Answered): TaggedAnswer {
    const tag = tagOf(`${this.#seenBy}\n${text}`)
    const version = this.#version
    if (isOfGraph && version !== undefined) this.#answers.keep(this.#name, { text, tag, version })
    return { text, tag }
  }
}

const weightOf = (name: string, { text, tag, version }: Kept): number =>
  name.length + text.length + tag.length + version.length

const reaches = new WeakMap<Access, string>()

function reachText(access: Access): string {
  const known = reaches.get(access)
  if (known !== undefined) return known
  const reach = reachOf(access)
  reaches.set(access, reach)
  return reach
}

/** `undefined` where it cannot be told at once; then nothing is kept. */
function versionOf(reads: GraphReadsShape, tenant: string | undefined): string | undefined {
  if (tenant === undefined) return undefined
  try {
    const version = run(reads.version(tenant))
    return isPromise(version) ? undefined : version
  } catch {
    return undefined
  }
}

/** A strong tag: of the answer's bytes, and of who may see them. */
const tagOf = (seen: string): string =>
  `"${hash("sha256", seen, "base64url").slice(0, answerTagLength)}"`

/** Whether the header `If-None-Match` names the tag. */
export function isHeld(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false
  if (header === tag || header.trim() === "*") return true
  return header.split(",").some((one) => one.trim().replace(/^W\//, "") === tag)
}
