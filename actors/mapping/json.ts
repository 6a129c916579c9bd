/** Reads the bytes of a JSON record, refusing text that the graph cannot hold. */
import { isUtf8 } from "node:buffer"
import type { Json } from "../../protocols/canonical.ts"
import { jsonDepthMax } from "../../protocols/limits.ts"
import { inexact, Rejection } from "./values.ts"

/** Throws a `Rejection` where the bytes are no UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new Rejection("invalid-utf8", "The record is not UTF-8.")
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return buffer.toString("utf8")
}

const suspectEscape = /\\u(?:0000|[dD][89a-fA-F])/

/** Throws a `Rejection` for invalid JSON, U+0000 and lone surrogates. */
export function parseJson(text: string): Json {
  const value = parse(text, undefined)
  // Raw text is well-formed UTF-8 without control characters: only an escape can bring these in.
  if (text.includes("\\u") && suspectEscape.test(text)) checkTexts(value, jsonDepthMax)
  return value
}

/** As `parseJson`, with integers beyond 2^53 as the text that stands in the source. */
export function parseJsonExactly(text: string): Json {
  const value = parse(text, exactInteger)
  if (text.includes("\\u") && suspectEscape.test(text)) checkTexts(value, jsonDepthMax)
  return value
}

/**
 * Runs `read` on the record, a second time with exact integers where the first met inexact ones.
 */
export function readExactly<A>(text: string, read: (record: Json) => A): A {
  try {
    return read(parseJson(text))
  } catch (thrown) {
    if (thrown !== inexact) throw thrown
    return read(parseJsonExactly(text))
  }
}

function parse(text: string, reviver: typeof exactInteger | undefined): Json {
  try {
    return JSON.parse(text, reviver) as Json
  } catch (error) {
    throw new Rejection("invalid-json", `The record is no JSON: ${reasonOf(error)}.`)
  }
}

const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replaceAll(/[\s\0]+/g, " ").slice(0, 160)

function exactInteger(
  _name: string,
  value: unknown,
  context?: { readonly source?: string },
): unknown {
  if (typeof value !== "number" || !Number.isInteger(value) || Number.isSafeInteger(value))
    return value
  return context?.source ?? value
}

function checkTexts(value: Json, depthLeft: number): void {
  if (typeof value === "string") checkText(value)
  if (typeof value !== "object" || value === null) return
  if (depthLeft === 0) {
    throw new Rejection("invalid-json", `The record is nested deeper than ${jsonDepthMax}.`)
  }
  for (const [name, item] of Object.entries(value)) {
    checkText(name)
    checkTexts(item, depthLeft - 1)
  }
}

/** Refuses U+0000 and lone surrogates. */
export function checkText(text: string): void {
  if (text.includes("\0")) throw new Rejection("invalid-text", "A text holds U+0000.")
  if (!text.isWellFormed()) throw new Rejection("invalid-text", "A text holds a lone surrogate.")
}
