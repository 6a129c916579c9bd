/**
 * The settings of one command: flag > `INTELGRAPH_*` > `intelgraph.yaml` > default. Each remembers
 * where it came from, so that `config check` can say it. A variable or key that nobody knows is
 * refused: a setting that silently does nothing is worse than none. No setting is a secret.
 */
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import * as Effect from "effect/Effect"
import { isToken } from "../protocols/address.ts"
import type { QuestionConfiguration, SourceConfiguration } from "../protocols/configuration.ts"
import { Invalid } from "../protocols/errors.ts"
import { maxBadShareDefault, recordsPerSecondMax } from "../protocols/limits.ts"
import type { LogLevel } from "../runtime/index.ts"
import type { ConfigurationFile } from "./configuration-file.ts"
import type { Io } from "./io.ts"
import { attemptInvalid, type Given, textFlag } from "./verb.ts"

export type Origin = "flag" | "environment" | "file" | "default"

export interface Setting<A> {
  readonly value: A
  readonly from: Origin
}

export interface TenantSettings {
  readonly tenant: string
  readonly partitions: number | undefined
  readonly sources: readonly SourceConfiguration[]
  readonly question: QuestionConfiguration | undefined
}

export interface Settings {
  /** The document that was read; `undefined` where there is none. */
  readonly file: string | undefined
  readonly dataDir: Setting<string>
  readonly tenant: Setting<string>
  readonly port: Setting<number>
  readonly host: Setting<string>
  readonly development: Setting<boolean>
  readonly level: Setting<LogLevel>
  readonly sampleRate: Setting<number>
  readonly spansFile: Setting<string | undefined>
  readonly maxBadShare: Setting<number>
  readonly recordsPerSecondMax: Setting<number | undefined>
  readonly tenants: readonly TenantSettings[]
}

export const configurationName = "intelgraph.yaml"

/** One variable each; `INTELGRAPH_CONFIG` names the document. */
export const variables = {
  config: "INTELGRAPH_CONFIG",
  dataDir: "INTELGRAPH_DATA_DIR",
  tenant: "INTELGRAPH_TENANT",
  port: "INTELGRAPH_PORT",
  host: "INTELGRAPH_HOST",
  development: "INTELGRAPH_DEVELOPMENT",
  level: "INTELGRAPH_LOG_LEVEL",
  sampleRate: "INTELGRAPH_SAMPLE_RATE",
  spansFile: "INTELGRAPH_SPANS_FILE",
  maxBadShare: "INTELGRAPH_MAX_BAD",
  recordsPerSecondMax: "INTELGRAPH_RATE",
} as const

export interface Place {
  readonly env: Io["env"]
  readonly folder: string
  /** Read where neither a flag, a variable nor the folder names a document. */
  readonly fallback?: string
}

export const loadSettings = (given: Given, place: Place): Effect.Effect<Settings, Invalid> =>
  Effect.gen(function* () {
    yield* attemptInvalid(() => refuseUnknownVariables(place.env))
    const path = yield* attemptInvalid(() => documentPath(given, place))
    if (path === undefined) return yield* attemptInvalid(() => settingsOf(given, place, undefined))
    const { readConfiguration } = yield* Effect.promise(() => import("./configuration-file.ts"))
    return yield* attemptInvalid(() => settingsOf(given, place, readConfiguration(path)))
  })

function refuseUnknownVariables(env: Io["env"]): void {
  const known = new Set<string>(Object.values(variables))
  const unknown = Object.keys(env).find((name) => /^INTELGRAPH_/.test(name) && !known.has(name))
  if (unknown === undefined) return
  throw invalid(`${unknown} is no setting; known are ${[...known].join(", ")}.`)
}

function documentPath(given: Given, { env, folder, fallback }: Place): string | undefined {
  const named = textFlag(given, "config") ?? env[variables.config]
  if (named === undefined) {
    return [resolve(folder, configurationName), fallback].find(
      (path) => path !== undefined && existsSync(path),
    )
  }
  const path = resolve(folder, named)
  if (existsSync(path)) return path
  throw invalid(`There is no configuration ${path}.`)
}

function settingsOf(given: Given, place: Place, file: ConfigurationFile | undefined): Settings {
  const document = file?.document
  const { env, folder } = place
  const fromFile = (path: string) => resolve(file?.folder ?? folder, path)
  const choose = chooser(given, env)
  const pathIn = (text: string) => resolve(folder, text)
  const { gateway, telemetry, limits } = document ?? {}
  const configured = document?.dataDir
  return {
    file: file?.path,
    dataDir: choose("data-dir", variables.dataDir, pathIn, {
      file: configured === undefined ? undefined : fromFile(configured),
      otherwise: resolve(folder, "intelgraph-data"),
    }),
    tenant: choose("tenant", variables.tenant, tenantName, {
      file: document?.tenant,
      otherwise: "demo",
    }),
    port: choose("port", variables.port, wholeNumber(0, 65_535), {
      file: gateway?.port,
      otherwise: 4000,
    }),
    host: choose("host", variables.host, asText, { file: gateway?.host, otherwise: "127.0.0.1" }),
    development: choose("", variables.development, asBoolean, {
      file: gateway?.development,
      otherwise: true,
    }),
    level: choose("", variables.level, asLevel, { file: telemetry?.level, otherwise: "warn" }),
    sampleRate: choose("", variables.sampleRate, asShare, {
      file: telemetry?.sampleRate,
      otherwise: 0,
    }),
    spansFile: choose<string | undefined>("", variables.spansFile, pathIn, {
      file: telemetry?.spansFile === undefined ? undefined : fromFile(telemetry.spansFile),
      otherwise: undefined,
    }),
    maxBadShare: choose("max-bad", variables.maxBadShare, asShare, {
      file: limits?.maxBadShare,
      otherwise: maxBadShareDefault,
    }),
    recordsPerSecondMax: choose<number | undefined>(
      "rate",
      variables.recordsPerSecondMax,
      wholeNumber(1, recordsPerSecondMax),
      { file: limits?.recordsPerSecondMax, otherwise: undefined },
    ),
    tenants: Object.entries(document?.tenants ?? {}).map(([tenant, settings]) => ({
      tenant,
      partitions: settings.partitions,
      question: settings.question,
      sources: (settings.sources ?? []).map((source) => ({
        ...source,
        file: fromFile(source.file),
        ...(source.mapping === undefined ? {} : { mapping: fromFile(source.mapping) }),
      })),
    })),
  }
}

type Read<A> = (text: string, name: string) => A

interface Lower<A> {
  readonly file: A | undefined
  readonly otherwise: A
}

const chooser =
  (given: Given, env: Io["env"]) =>
  <A>(flag: string, variable: string, read: Read<A>, lower: Lower<A>): Setting<A> => {
    const flagText = flag === "" ? undefined : textFlag(given, flag)
    if (flagText !== undefined) return { value: read(flagText, `--${flag}`), from: "flag" }
    const text = env[variable]
    if (text !== undefined) return { value: read(text, variable), from: "environment" }
    if (lower.file !== undefined) return { value: lower.file, from: "file" }
    return { value: lower.otherwise, from: "default" }
  }

const asText: Read<string> = (text) => text

const tenantName: Read<string> = (text, name) => {
  if (isToken(text)) return text
  throw invalid(`${name} ${shown(text)} is no tenant: 1 to 63 of a-z, 0-9 and -, no - first.`)
}

const asBoolean: Read<boolean> = (text, name) => {
  if (text === "true" || text === "false") return text === "true"
  throw invalid(`${name} is ${shown(text)}; it is true or false.`)
}

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"]
const asLevel: Read<LogLevel> = (text, name) => {
  const level = levels.find((one) => one === text)
  if (level !== undefined) return level
  throw invalid(`${name} is ${shown(text)}; it is one of ${levels.join(", ")}.`)
}

const asShare: Read<number> = (text, name) => {
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

const invalid = (message: string) => new Invalid({ what: "configuration", message })
