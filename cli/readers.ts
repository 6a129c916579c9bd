/** From the text of a flag or a variable to the value of a setting, or to what is wrong with it. */
import { isToken } from "../protocols/address.ts"
import { Invalid } from "../protocols/errors.ts"
import type { LogLevel } from "../runtime/index.ts"
import type { Io } from "./io.ts"
import { type Given, textFlag } from "./verb.ts"

export type Origin = "flag" | "environment" | "file" | "default"

export interface Setting<A> {
  readonly value: A
  readonly from: Origin
}

export type Read<A> = (text: string, name: string) => A

export interface Lower<A> {
  readonly file: A | undefined
  readonly otherwise: A
}

/** Takes a setting from the first place that has it. */
export const chooser =
  (given: Given, env: Io["env"]) =>
  <A>(flag: string, variable: string, read: Read<A>, lower: Lower<A>): Setting<A> => {
    const flagText = flag === "" ? undefined : textFlag(given, flag)
    if (flagText !== undefined) return { value: read(flagText, `--${flag}`), from: "flag" }
    const text = env[variable]
    if (text !== undefined) return { value: read(text, variable), from: "environment" }
    if (lower.file !== undefined) return { value: lower.file, from: "file" }
    return { value: lower.otherwise, from: "default" }
  }

export const asText: Read<string> = (text) => text

export const tenantName: Read<string> = (text, name) => {
  if (isToken(text)) return text
  throw invalid(`${name} ${shown(text)} is no tenant: 1 to 63 of a-z, 0-9 and -, no - first.`)
}

export const nodeName: Read<string> = (text, name) => {
  if (isToken(text)) return text
  throw invalid(`${name} ${shown(text)} is no name: 1 to 63 of a-z, 0-9 and -, no - first.`)
}

export const asBoolean: Read<boolean> = (text, name) => {
  if (text === "true" || text === "false") return text === "true"
  throw invalid(`${name} is ${shown(text)}; it is true or false.`)
}

/** Parts between commas, each of this form. */
export const listOf =
  (pattern: RegExp, what: string): Read<readonly string[]> =>
  (text, name) => {
    const parts = text.split(",").map((part) => part.trim())
    const wrong = parts.find((part) => !pattern.test(part))
    if (wrong === undefined) return parts
    throw invalid(`${name} holds ${shown(wrong)}, which is not ${what}.`)
  }

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"]
export const asLevel: Read<LogLevel> = (text, name) => {
  const level = levels.find((one) => one === text)
  if (level !== undefined) return level
  throw invalid(`${name} is ${shown(text)}; it is one of ${levels.join(", ")}.`)
}

export const asShare: Read<number> = (text, name) => {
  const value = text.trim() === "" ? Number.NaN : Number(text)
  if (value >= 0 && value <= 1) return value
  throw invalid(`${name} is ${shown(text)}; it is a share from 0 to 1.`)
}

/** Reads a whole number between two bounds; also for flags that are no setting. */
export const wholeNumber =
  (minimum: number, maximum: number): Read<number> =>
  (text, name) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (value >= minimum && value <= maximum) return value
    throw invalid(`${name} is ${shown(text)}; it is a whole number from ${minimum} to ${maximum}.`)
  }

const shown = (text: string) => JSON.stringify(text.slice(0, 80))

export const invalid = (message: string) => new Invalid({ what: "configuration", message })
