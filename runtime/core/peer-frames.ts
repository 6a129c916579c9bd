/**
 * Frames between processes, as bytes: `[version, kind, node, incarnation, number, …]` in
 * MessagePack without shared structures. Node and incarnation are of who asked, the number is of
 * its request; these five stay where they are in every version. What cannot be read is no frame.
 */
import { Packr } from "msgpackr"
import { isToken } from "../../protocols/address.ts"
import { LimitExceeded } from "../../protocols/errors.ts"
import type { PlainError } from "../../protocols/travelling-error.ts"
import type { Who } from "./placement-register.ts"

export const peerVersion = 1

interface Head {
  readonly asker: Who
  readonly number: number
}

export type PeerFrame = Head &
  (
    | { readonly kind: "greet" }
    /** Which process has the name, and what its clock shows. */
    | { readonly kind: "welcome"; readonly incarnation: string; readonly clockMillis: number }
    | {
        readonly kind: "ask"
        readonly name: string
        /** By the clock of who is asked. */
        readonly deadlineMillis: number
        /** Chunks that may be ahead; 0 where one answer is asked for. */
        readonly credit: number
        readonly payload: unknown
      }
    /** `answerer` is at work on it, and has sent the chunks before `at`. */
    | {
        readonly kind: "alive"
        readonly at: number
        readonly clockMillis: number
        readonly answerer: Who
      }
    /** `at`: the chunks before it. */
    | {
        readonly kind: "chunk" | "done"
        readonly at: number
        readonly clockMillis: number
        readonly value: unknown
      }
    | { readonly kind: "failed"; readonly clockMillis: number; readonly error: PlainError }
    /** Chunks that were taken so far; also says that who asked is there. */
    | { readonly kind: "taken"; readonly count: number }
    | { readonly kind: "stop" }
    /** Of another version: only its head is known. */
    | { readonly kind: "unknown"; readonly version: number }
  )

const packr = new Packr({ useRecords: false })

/** `LimitExceeded` where it has more bytes than it may. */
export function encodeFrame(frame: PeerFrame, limit: FrameLimit): Uint8Array | LimitExceeded {
  const { kind, asker, number } = frame
  const head = [peerVersion, kind, asker.node, asker.incarnation, number]
  const bytes = packr.pack([...head, ...restOf(frame)])
  if (bytes.length <= limit.bound) return bytes
  return new LimitExceeded({
    limit: limit.name,
    bound: limit.bound,
    value: bytes.length,
    message: `A message between nodes has at most ${limit.bound} bytes; this has ${bytes.length}.`,
  })
}

export interface FrameLimit {
  readonly name: string
  readonly bound: number
}

function restOf(frame: PeerFrame): readonly unknown[] {
  switch (frame.kind) {
    case "welcome":
      return [frame.incarnation, frame.clockMillis]
    case "ask":
      return [frame.name, frame.deadlineMillis, frame.credit, frame.payload]
    case "alive":
      return [frame.at, frame.clockMillis, frame.answerer.node, frame.answerer.incarnation]
    case "chunk":
    case "done":
      return [frame.at, frame.clockMillis, frame.value]
    case "failed":
      return [frame.clockMillis, frame.error]
    case "taken":
      return [frame.count]
    default:
      return []
  }
}

/** `undefined` for what nobody who speaks this says. */
export function decodeFrame(bytes: Uint8Array): PeerFrame | undefined {
  const parts = unpacked(bytes)
  if (parts === undefined) return undefined
  const [version, kind, node, incarnation, number, ...rest] = parts
  if (!isName(node) || !isName(incarnation) || !isCount(number)) return undefined
  const head: Head = { asker: { node, incarnation }, number }
  if (version === peerVersion) return readRest(head, kind, rest)
  return isCount(version) ? { ...head, kind: "unknown", version } : undefined
}

function readRest(head: Head, kind: unknown, rest: readonly unknown[]): PeerFrame | undefined {
  const [first, second, third, fourth] = rest
  switch (kind) {
    case "greet":
    case "stop":
      return { ...head, kind }
    case "welcome":
      if (!isName(first) || !isTime(second)) return undefined
      return { ...head, kind, incarnation: first, clockMillis: second }
    case "ask":
      if (!isName(first) || !isTime(second) || !isCount(third)) return undefined
      return { ...head, kind, name: first, deadlineMillis: second, credit: third, payload: fourth }
    case "alive": {
      if (!isCount(first) || !isTime(second) || !isName(third) || !isName(fourth)) return undefined
      const answerer = { node: third, incarnation: fourth }
      return { ...head, kind, at: first, clockMillis: second, answerer }
    }
    case "chunk":
    case "done":
      if (!isCount(first) || !isTime(second)) return undefined
      return { ...head, kind, at: first, clockMillis: second, value: third }
    case "failed":
      if (!isTime(first) || typeof second !== "object" || second === null) return undefined
      return { ...head, kind, clockMillis: first, error: { ...second } }
    case "taken":
      return isCount(first) ? { ...head, kind, count: first } : undefined
    default:
      return undefined
  }
}

function unpacked(bytes: Uint8Array): readonly unknown[] | undefined {
  try {
    const value: unknown = packr.unpack(bytes)
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

const isName = (value: unknown): value is string => typeof value === "string" && isToken(value)

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0

const isTime = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value)
