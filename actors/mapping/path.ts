/**
 * Paths and texts of a mapping, parsed once and read per record.
 *
 * A path is `$` followed by `.name`, `["any name"]`, `[n]` or `[*]`. A name ends at `. [ ] { }` or
 * a quote. A template is a text with paths in braces, `{$.a}/{$.b}`; a text with neither is itself.
 */
import type { Json } from "../../protocols/canonical.ts"
import { documentDepthMax, listPropertyMax } from "../../protocols/limits.ts"

/** A member's name, an index, or every member of a list. */
export type Step = string | number | typeof every

export const every = null

export interface Path {
  readonly text: string
  readonly steps: readonly Step[]
  /** Holds `[*]`: reads a list of values, not one. */
  readonly many: boolean
}

/** A constant, or pieces that alternate between constants and paths. */
export interface TextPlan {
  readonly constant: string | undefined
  readonly pieces: readonly (string | Path)[]
  readonly many: boolean
}

/** Why a text of a mapping cannot be understood. */
export class BadPath {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

export function parsePath(text: string): Path {
  const [path, end] = pathAt(text, 0)
  if (end !== text.length)
    throw new BadPath(`The path ${text} cannot be read at ${text.slice(end)}.`)
  return path
}

export function parseText(text: string): TextPlan {
  if (text.startsWith("$")) {
    const path = parsePath(text)
    return { constant: undefined, pieces: [path], many: path.many }
  }
  const pieces: (string | Path)[] = []
  let at = 0
  for (let open = text.indexOf("{$"); open >= 0; open = text.indexOf("{$", at)) {
    if (open > at) pieces.push(text.slice(at, open))
    const [path, end] = pathAt(text, open + 1)
    if (text[end] !== "}") throw new BadPath(`The path in ${text} has no closing brace.`)
    pieces.push(path)
    at = end + 1
  }
  if (pieces.length === 0) return { constant: text, pieces: [], many: false }
  if (at < text.length) pieces.push(text.slice(at))
  const lists = pieces.filter((piece) => typeof piece !== "string" && piece.many).length
  if (lists > 1) throw new BadPath(`The template ${text} has [*] in more than one path.`)
  return { constant: undefined, pieces, many: lists === 1 }
}

function pathAt(text: string, start: number): [Path, number] {
  const steps: Step[] = []
  let at = start + 1
  while (text[at] === "." || text[at] === "[") {
    const [step, end] = text[at] === "." ? nameAt(text, at + 1) : bracketAt(text, at)
    steps.push(step)
    at = end
    if (steps.length > documentDepthMax) throw new BadPath(`The path ${text} is too deep.`)
  }
  return [{ text: text.slice(start, at), steps, many: steps.includes(every) }, at]
}

function nameAt(text: string, start: number): [string, number] {
  let end = start
  while (end < text.length && !'.[]{}"'.includes(text[end] ?? "")) end++
  if (end === start) throw new BadPath(`The path ${text} has an empty name.`)
  return [text.slice(start, end), end]
}

const bracketPattern = /\[(?:(\*)|(\d{1,9})|("(?:[^"\\]|\\.)*"))\]/y

function bracketAt(text: string, start: number): [Step, number] {
  bracketPattern.lastIndex = start
  const match = bracketPattern.exec(text)
  if (match === null)
    throw new BadPath(`The path ${text} has a bracket that is not [n], [*] or ["name"].`)
  const end = start + match[0].length
  if (match[1] !== undefined) return [every, end]
  if (match[2] !== undefined) return [Number(match[2]), end]
  try {
    return [JSON.parse(match[3] ?? "") as string, end]
  } catch {
    throw new BadPath(`The path ${text} has a quoted name that is no JSON string.`)
  }
}

/** The value at a path without `[*]`; `undefined` where there is none. */
export function readOne(steps: readonly Step[], record: Json): Json | undefined {
  let value: Json | undefined = record
  for (let i = 0; i < steps.length; i++) {
    value = child(value, steps[i] as Step)
    if (value === undefined) return undefined
  }
  return value
}

/** All values at a path, in order. A list that is not there has no values. */
export function readMany(steps: readonly Step[], record: Json): readonly Json[] {
  let values: Json[] = [record]
  for (const step of steps) {
    const next: Json[] = []
    for (const value of values) {
      if (step === every) {
        if (Array.isArray(value)) for (const item of value) next.push(item)
      } else {
        const found = child(value, step)
        if (found !== undefined) next.push(found)
      }
      if (next.length > listPropertyMax) return next
    }
    values = next
  }
  return values
}

function child(value: Json | undefined, step: Step): Json | undefined {
  if (typeof value !== "object" || value === null || step === every) return undefined
  if (Array.isArray(value)) return typeof step === "number" ? value[step] : undefined
  if (typeof step === "number") return undefined
  return Object.hasOwn(value, step) ? (value as { readonly [name: string]: Json })[step] : undefined
}
