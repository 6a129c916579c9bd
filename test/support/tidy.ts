/**
 * How this house is kept, as rules over its files. Each rule is a pure function from facts to
 * findings; `test/tidy.test.ts` shows each one a bad sample, and then runs all of them over the
 * repository.
 */
import { posix } from "node:path"
import type { SourceFacts } from "./source-facts.ts"

export interface Finding {
  readonly path: string
  readonly line: number
  readonly message: string
}

type SourceRule = (source: SourceFacts) => readonly Finding[]

export const columnsMax = 100
export const functionLinesMax = 70

/** Rooms by floor; a room may use rooms of lower floors only. */
export const floorOf: ReadonlyMap<string, number> = new Map([
  ["protocols", 1],
  ["runtime", 2],
  ["stores", 2],
  ["policies", 2],
  ["supervisors", 3],
  ["actors", 4],
  ["sim", 5],
  ["gateway", 6],
  ["cli", 7],
])

/** Rooms that are a seam: a README says what will live there, and nothing does yet. */
export const seams: ReadonlySet<string> = new Set(["sim", "policies"])

const roomOf = (path: string): string => path.split("/")[0] ?? ""

export const linesFit: SourceRule = ({ path, text }) =>
  text.split("\n").flatMap((line, index) =>
    line.length <= columnsMax
      ? []
      : [
          {
            path,
            line: index + 1,
            message: `the line has ${line.length} columns; at most ${columnsMax}`,
          },
        ],
  )

export const functionsFit: SourceRule = ({ path, functions }) =>
  functions
    .filter((one) => one.lines > functionLinesMax)
    .map(({ name, line, lines }) => ({
      path,
      line,
      message:
        `${name} has ${lines} lines; at most ${functionLinesMax}: ` +
        "split it where it changes subject",
    }))

/** Imports only downwards, and only public faces. */
export const floorsHold: SourceRule = ({ path, imports }) => {
  const room = roomOf(path)
  const floor = floorOf.get(room)
  if (floor === undefined) return []
  return imports.flatMap(({ specifier, line }) => {
    if (!specifier.startsWith(".")) return []
    const target = posix.join(posix.dirname(path), specifier)
    const message = refusedImport(room, floor, target)
    return message === undefined ? [] : [{ path, line, message }]
  })
}

function refusedImport(room: string, floor: number, target: string): string | undefined {
  const other = roomOf(target)
  if (other === room || !target.endsWith(".ts")) return undefined
  const otherFloor = floorOf.get(other)
  if (otherFloor === undefined) return `${room}/ imports ${target}, which is no room of the house`
  if (other === "sim" && room !== "cli") return `${target} is imported by cli/ and test/ only`
  if (otherFloor === floor) return `${room}/ and ${other}/ share a floor: meet in a lower room`
  if (otherFloor > floor) return `${room}/ imports upwards from ${other}/`
  const isProtocol = other === "protocols" && posix.dirname(target) === "protocols"
  if (isProtocol || target === `${other}/index.ts`) return undefined
  return `${target} is inside ${other}/: import ${other}/index.ts`
}

/** What deterministic code may not touch, and what it uses instead (architecture D9). */
const bannedNames: ReadonlyMap<string, string> = new Map([
  ["Date", "Host.wallMicros, or Effect's Clock"],
  ["Math.random", "Host.random, or Effect's Random"],
  ["performance", "Host.nowMillis"],
  ["setTimeout", "Host.after or ActorContext.startTimer"],
  ["setInterval", "ActorContext.startTimer with repeat"],
  ["clearTimeout", "the function that Host.after returns"],
  ["clearInterval", "ActorContext.cancelTimer"],
  ["setImmediate", "Host.yield"],
  ["queueMicrotask", "Host.wake"],
  ["Promise", "an Effect that the caller runs"],
  ["async", "an Effect that the caller runs"],
  ["await", "an Effect that the caller runs"],
  ["Effect.promise", "a port whose adapter does it"],
  ["Effect.tryPromise", "a port whose adapter does it"],
  ["process", "a port, or an argument"],
  ["fetch", "a port"],
  ["WebSocket", "a port"],
  ["crypto", "Host.random, or hash() of node:crypto"],
  ["Hash.random", "Host.random"],
  ["DateTime.nowUnsafe", "Host.wallMicros"],
  ["DateTime.now", "Host.wallMicros"],
])

/** Names of node's own modules that only compute. */
const pureNodeNames: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["node:crypto", new Set(["hash", "createHash", "Hash", "timingSafeEqual"])],
  ["node:buffer", new Set(["Buffer", "constants", "isUtf8", "isAscii"])],
])

export const isDeterministic = (path: string): boolean =>
  /^(actors|supervisors|protocols|policies|runtime\/core)\//.test(path) &&
  !path.includes("/adapters/")

export const decidesWithoutTheWorld: SourceRule = (source) => {
  if (!isDeterministic(source.path)) return []
  const { path } = source
  const named = source.mentions.flatMap(({ name, line }) => {
    const instead = bannedNames.get(name) ?? bannedNames.get(name.split(".")[0] ?? "")
    return instead === undefined
      ? []
      : [{ path, line, message: `${name} in a deterministic room: use ${instead}` }]
  })
  const imported = source.imports.flatMap(({ specifier, names, line }) => {
    const pure = pureNodeNames.get(specifier)
    const isFine =
      !specifier.startsWith("node:") ||
      (pure !== undefined && names.length > 0 && names.every((name) => pure.has(name)))
    return isFine
      ? []
      : [{ path, line, message: `${specifier} in a deterministic room: use a port` }]
  })
  return [...named, ...imported]
}

/** The only places where an effect is set going. */
export const effectRunners: ReadonlySet<string> = new Set([
  "cli/main.ts",
  "runtime/core/dispatcher.ts",
  "gateway/bridge.ts",
  "test/support/run.ts",
])

export const effectsRunAtTheEdge: SourceRule = ({ path, mentions }) =>
  effectRunners.has(path)
    ? []
    : mentions
        .filter(({ name }) =>
          /^(Effect\.run[A-Z]\w*|ManagedRuntime\.make|NodeRuntime\.\w+)$/.test(name),
        )
        .map(({ name, line }) => ({
          path,
          line,
          message: `${name} here: return the effect; it is run in ${[...effectRunners].join(", ")}`,
        }))

const leftovers: readonly (readonly [RegExp, string])[] = [
  [/\b(?:TODO|FIXME|XXX|HACK)\b/, "unfinished work: finish it, or write a decision record"],
  [/\b(?:it|test|describe)\.(?:skip|todo|only|fails)\b/, "a test that does not run"],
  [/@ts-(?:ignore|nocheck|expect-error)/, "a silenced type: mend the type"],
  [/\/(?:home|Users|root|work|farm|mnt)\/\w/, "the path of some machine"],
  [/registry\.npmjs|npmjs\.(?:org|com)|yarnpkg\.com|proxy\.golang/, "the host of a registry"],
]

/** Words that must not stay, in any text of the repository. */
export function nothingLeftOver(path: string, text: string): readonly Finding[] {
  return text
    .split("\n")
    .flatMap((line, index) =>
      leftovers
        .filter(([pattern]) => pattern.test(line))
        .map(([, message]) => ({ path, line: index + 1, message })),
    )
}

/** Where the program, its tests and its tools begin. */
export const isEntry = (path: string): boolean =>
  path === "cli/main.ts" ||
  path === "bench/main.ts" ||
  path === "protocols/index.ts" ||
  path === "gateway/page/src/main.tsx" ||
  /^vitest(\.\w+)?\.config\.ts$/.test(path) ||
  path === "test/mutants.ts" ||
  path === "test/chaos/main.ts" ||
  path.endsWith(".test.ts")

export function nothingDead(sources: readonly SourceFacts[]): readonly Finding[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const waiting = sources.map(({ path }) => path).filter(isEntry)
  const reached = new Set(waiting)
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    for (const { specifier } of byPath.get(path)?.imports ?? []) {
      const target = posix.join(posix.dirname(path), specifier)
      if (!specifier.startsWith(".") || reached.has(target)) continue
      reached.add(target)
      waiting.push(target)
    }
  }
  return sources
    .filter(({ path }) => !reached.has(path))
    .map(({ path }) => ({ path, line: 1, message: "nothing reaches this file: remove it" }))
}

/** Every room says what it promises and shows a face. */
export function roomsAreFurnished(paths: ReadonlySet<string>): readonly Finding[] {
  return [...floorOf.keys()].flatMap((room) => {
    const face = room === "cli" ? "main.ts" : "index.ts"
    const needed = seams.has(room) ? ["README.md"] : ["README.md", face]
    return needed
      .map((name) => `${room}/${name}`)
      .filter((path) => !paths.has(path))
      .map((path) => ({ path, line: 1, message: "the room has none" }))
  })
}

export const documents: readonly string[] = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "LICENSE",
  "NOTICE",
  ".ci/run",
  "docs/decisions/0000-template.md",
]

export const documentsExist = (paths: ReadonlySet<string>): readonly Finding[] =>
  documents
    .filter((path) => !paths.has(path))
    .map((path) => ({ path, line: 1, message: "the document is missing" }))

/** Links of a document to files of the repository lead somewhere. */
export function linksLead(
  path: string,
  text: string,
  exists: (path: string) => boolean,
): readonly Finding[] {
  return text.split("\n").flatMap((line, index) =>
    [...line.matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)]
      .map(([, target = ""]) => posix.join(posix.dirname(path), target).replace(/\/$/, ""))
      .filter((target) => !exists(target))
      .map((target) => ({ path, line: index + 1, message: `the link to ${target} leads nowhere` })),
  )
}

export const sourceRules: readonly SourceRule[] = [
  linesFit,
  functionsFit,
  floorsHold,
  decidesWithoutTheWorld,
  effectsRunAtTheEdge,
]
