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
import { Recent } from "./recent.ts"

/** One that is sent: with a tag that no other answer, tenant or reach of access has. */
export interface TaggedAnswer {
  readonly text: string
  readonly tag: string
}

/** Of the 43 characters of a SHA-256: 132 bits. */
const answerTagLength = 22

interface Kept extends TaggedAnswer {
  /** Of the tenant, from before anything was read for the answer. */
  readonly version: string
  /** What the store had acknowledged when the version was last found to be this. */
  acknowledged: number | undefined
}

export class KeptAnswers {
  readonly #reads: GraphReadsShape
  readonly recent = new Recent<Kept>({
    countMax: answersKeptMax,
    lengthMax: answersKeptLengthMax,
    lengthOf: (name, { text, tag, version }) =>
      name.length + text.length + tag.length + version.length,
  })
  hits = 0
  misses = 0

  constructor(reads: GraphReadsShape) {
    this.#reads = reads
  }

  /** `target` is the request's address as it came, `type` that of the answer. */
  ask(access: Access, type: string, target: string): Asking {
    return new Asking(this, this.#reads, { access, type, target })
  }

  /** Each request by GET is one or the other. */
  counted(isHit: boolean): void {
    if (isHit) this.hits += 1
    else this.misses += 1
  }
}

interface Asked {
  readonly access: Access
  readonly type: string
  readonly target: string
}

/** One request by GET: what is kept for it, and what it leaves. */
export class Asking {
  readonly #answers: KeptAnswers
  readonly #reads: GraphReadsShape
  readonly #tenant: string | undefined
  readonly #seenBy: string
  readonly #name: string
  #acknowledged: number | undefined
  #version: string | undefined

  constructor(answers: KeptAnswers, reads: GraphReadsShape, { access, type, target }: Asked) {
    this.#answers = answers
    this.#reads = reads
    this.#tenant = access.tenant
    this.#seenBy = `${reachText(access)}\n${type}`
    this.#name = `${this.#seenBy}\n${target}`
  }

  /** To be asked before anything is read for the answer: looks at the tenant's version. */
  find(): TaggedAnswer | undefined {
    const found = this.#found()
    this.#answers.counted(found !== undefined)
    return found
  }

  #found(): TaggedAnswer | undefined {
    const kept = this.#answers.recent.find(this.#name)
    this.#acknowledged = this.#reads.acknowledged()
    const isSame = this.#acknowledged !== undefined && kept?.acknowledged === this.#acknowledged
    if (kept === undefined || !isSame) {
      this.#version = versionOf(this.#reads, this.#tenant)
      if (kept === undefined || kept.version !== this.#version) return undefined
      kept.acknowledged = this.#acknowledged
    }
    return this.#answers.recent.use(this.#name)
  }

  /** The answer with its tag, kept where the graph alone decides it. */
  tagged(answered: Answered): TaggedAnswer {
    const { isOfGraph } = answered
    const seen = `${this.#seenBy}\n${answered.text}`
    const tag = tagOf(seen)
    // The answer was put together from pieces, which take several times its characters until it is
    // read, and where the client holds it nobody reads it. A part of what the tag is of is whole.
    const text = seen.slice(this.#seenBy.length + 1)
    const [version, acknowledged] = [this.#version, this.#acknowledged]
    const isKept = isOfGraph && text.length <= answerKeptLengthMax
    if (isKept && version !== undefined) {
      this.#answers.recent.keep(this.#name, { text, tag, version, acknowledged })
    }
    return { text, tag }
  }
}

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
