/**
 * Structured logs: one JSON object per line, or a readable line where a person watches a terminal.
 *
 * Promises: a line is at most `logLineLengthMax` characters; in one second at most
 * `logLinesPerSecondMax` are written, the rest counted in one line; what looks like a secret, by
 * name or as a token, is not written; writing never throws. Goes to stderr, because stdout is for
 * answers.
 */
import { isIntelGraphError } from "../../protocols/errors.ts"
import { logLineLengthMax, logLinesPerSecondMax } from "../../protocols/limits.ts"

export const logLevels = ["debug", "info", "warn", "error"] as const
export type LogLevel = (typeof logLevels)[number]
export type LogFields = { readonly [name: string]: unknown }

export interface Logger {
  readonly debug: (message: string, fields?: LogFields) => void
  readonly info: (message: string, fields?: LogFields) => void
  readonly warn: (message: string, fields?: LogFields) => void
  readonly error: (message: string, fields?: LogFields) => void
}

export interface LoggerOptions {
  readonly level?: LogLevel
  /** `auto`: pretty on a terminal, JSON elsewhere. */
  readonly format?: "json" | "pretty" | "auto"
  readonly write?: (line: string) => void
  readonly now?: () => Date
}

export function makeLogger(options: LoggerOptions = {}): Logger {
  const lowest = logLevels.indexOf(options.level ?? "info")
  const write = options.write ?? ((line) => void process.stderr.write(line))
  const now = options.now ?? (() => new Date())
  const pretty =
    options.format === "pretty" || (options.format !== "json" && process.stderr.isTTY === true)
  const format = pretty ? prettyLine : jsonLine
  const admit = makeValve((left) =>
    write(format("warn", now(), `${left} log lines were left out.`, {})),
  )
  const log =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (logLevels.indexOf(level) < lowest) return
      const at = now()
      if (!admit(at)) return
      write(format(level, at, redactText(message), shownFields(fields)))
    }
  return { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") }
}

/** Lets so many lines through per second, and tells in the next how many it held back. */
function makeValve(onLeftOut: (lines: number) => void): (at: Date) => boolean {
  let second = 0
  let lines = 0
  return (at) => {
    const current = Math.floor(at.getTime() / 1000)
    if (current !== second) {
      const leftOut = lines - logLinesPerSecondMax
      second = current
      lines = 0
      if (leftOut > 0) onLeftOut(leftOut)
    }
    lines += 1
    return lines <= logLinesPerSecondMax
  }
}

type Format = (level: LogLevel, at: Date, message: string, fields: LogFields) => string

const jsonLine: Format = (level, at, message, fields) => {
  const head = { time: at.toISOString(), level, message }
  const line = JSON.stringify({ ...fields, ...head })
  if (line.length <= logLineLengthMax) return `${line}\n`
  const short = message.slice(0, logLineLengthMax / 4)
  return `${JSON.stringify({ ...head, message: short, cut: true })}\n`
}

const prettyLine: Format = (level, at, message, fields) => {
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`)
  const time = at.toISOString().slice(11, 23)
  return `${`${time} ${level.padEnd(5)} ${message}${rest.join("")}`.slice(0, logLineLengthMax)}\n`
}

const secretName = /token|secret|passw|authorization|cookie|credential|api-?key|private-?key/i
const secretText = /\big_[A-Za-z0-9]+_[A-Za-z0-9_-]{16,}|\b[Bb]earer\s+\S+/g
const redacted = "[redacted]"

const redactText = (text: string) => text.replaceAll(secretText, redacted)

function shownFields(fields: LogFields): LogFields {
  const shown: { [name: string]: unknown } = Object.create(null)
  for (const [name, value] of Object.entries(fields)) {
    shown[name] = secretName.test(name) ? redacted : shownValue(value)
  }
  return shown
}

/** Plain values only, one level deep: what else there is, is told by its type. */
function shownValue(value: unknown): unknown {
  if (typeof value === "string") return redactText(value.slice(0, logLineLengthMax))
  if (value instanceof Error) return shownError(value)
  if (typeof value === "bigint") return value.toString()
  if (typeof value !== "object" || value === null) return value
  return redactText(encoded(value))
}

function encoded(value: object): string {
  try {
    return JSON.stringify(value, (name, inner) =>
      secretName.test(name) ? redacted : typeof inner === "bigint" ? inner.toString() : inner,
    ).slice(0, logLineLengthMax)
  } catch {
    return "[not shown]"
  }
}

/** An expected error is its code and sentence; only a surprise brings its stack. */
function shownError(error: Error): unknown {
  const message = redactText(error.message)
  if (isIntelGraphError(error) && error._tag !== "InvariantBroken") {
    return `${error._tag}: ${message}`
  }
  return redactText((error.stack ?? `${error.name}: ${message}`).slice(0, logLineLengthMax / 2))
}
