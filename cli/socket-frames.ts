/**
 * The words of the node's own socket: one JSON value a line. A client says one request and reads
 * lines until the result or an error; nothing else is understood. Every line is bounded.
 */
import type { IntelGraphError } from "../protocols/errors.ts"
import { errorOfPlain, plainOfError } from "../protocols/travelling-error.ts"

export interface SocketRequest {
  readonly op: string
  readonly [name: string]: unknown
}

export type SocketReply =
  | { readonly progress: unknown }
  | { readonly result: unknown }
  | { readonly error: IntelGraphError }

/**
 * Takes bytes as they come and gives whole lines; `undefined` once a line is longer than the bound.
 */
export class Lines {
  readonly #bytesMax: number
  #waiting: Buffer[] = []
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  take(chunk: Buffer): readonly string[] | undefined {
    const lines: string[] = []
    let rest = chunk
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = Buffer.concat([...this.#waiting, rest.subarray(0, end)])
      if (line.length > this.#bytesMax) return undefined
      lines.push(line.toString("utf8"))
      this.#waiting = []
      this.#bytes = 0
      rest = rest.subarray(end + 1)
    }
    this.#bytes += rest.length
    if (this.#bytes > this.#bytesMax) return undefined
    if (rest.length > 0) this.#waiting.push(rest)
    return lines
  }
}

/** `undefined` for anything that is no request. */
export function readRequest(line: string): SocketRequest | undefined {
  const value = parsed(line)
  return isRecord(value) && typeof value.op === "string" ? { ...value, op: value.op } : undefined
}

/** `undefined` for anything that is no reply. */
export function readReply(line: string): SocketReply | undefined {
  const value = parsed(line)
  if (!isRecord(value)) return undefined
  if ("progress" in value) return { progress: value.progress }
  if ("result" in value) return { result: value.result }
  const error = errorOfPlain(value.error)
  return error === undefined ? undefined : { error }
}

export const replyLine = (reply: SocketReply): string =>
  `${JSON.stringify("error" in reply ? { error: plainOfError(reply.error) } : reply)}\n`

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

const isRecord = (value: unknown): value is { readonly [name: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)
