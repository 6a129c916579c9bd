/** What a person can ask for: servers that are obtained, started, ended and told of. */
import { type ChildProcess, spawn } from "node:child_process"
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
} from "node:fs"
import { fileURLToPath } from "node:url"
import { hasEnded, type KeptServer, keeperLock, keeperLog, readKept, stateFolder } from "./kept.ts"
import { type KindName, kinds } from "./kinds.ts"
import { holderOf } from "./lock.ts"
import { isAlive } from "./process-tree.ts"
import { ServerUnavailable } from "./unavailable.ts"

const keeperFile = fileURLToPath(new URL("./keeper.ts", import.meta.url))
const startMillisMax = 300_000
const endMillisMax = 60_000
const lookEveryMillis = 50
const sayEveryMillis = 5_000

/** What is told of one kind; `ended` where one of its servers is gone and `up` starts it again. */
export interface Status {
  readonly name: KindName
  readonly state: "up" | "down" | "ended"
  readonly url?: string
  /** Process id of the keeper. */
  readonly keeper?: number
  readonly servers: readonly (KeptServer & { readonly state: "up" | "ended" })[]
}

/** Obtains one after the other; tells of each, and in the end of all that cannot be had. */
export async function fetchAll(names: readonly KindName[]): Promise<void> {
  const failed = new Map<string, readonly KindName[]>()
  for (const name of names) {
    try {
      const { command, version } = await kinds[name].fetch()
      process.stderr.write(`${name}: ${version}, by ${command}\n`)
    } catch (error) {
      if (!(error instanceof ServerUnavailable)) throw error
      failed.set(error.message, [...(failed.get(error.message) ?? []), name])
    }
  }
  if (failed.size === 0) return
  const lines = [...failed].map(([message, those]) => `${those.join(", ")}: ${message}`)
  throw new ServerUnavailable(lines.join("\n"))
}

/** Starts the servers of a kind, or those of it again that have ended. */
export async function up(name: KindName): Promise<void> {
  const kept = readKept(name)
  if (kept !== undefined && !hasEnded(kept)) return
  if (kept !== undefined) process.kill(kept.keeper, "SIGHUP")
  const keeper = kept === undefined ? startKeeper(name) : undefined
  const isUp = () => {
    const now = readKept(name)
    return now !== undefined && !hasEnded(now)
  }
  const isGone = () => hasExited(keeper) && holderOf(keeperLock(name)) === undefined
  await until(startMillisMax, sayStarting(name, Date.now()), () => isUp() || isGone())
  if (isUp()) return
  keeper?.kill()
  const words = existsSync(keeperLog(name)) ? readFileSync(keeperLog(name), "utf8") : "it was ended"
  removeRests(name)
  throw new ServerUnavailable(`${name} did not start:\n${words}`)
}

const hasExited = (child: ChildProcess | undefined): boolean =>
  child === undefined || child.exitCode !== null || child.signalCode !== null

function startKeeper(name: KindName): ChildProcess {
  mkdirSync(stateFolder(), { recursive: true, mode: 0o700 })
  const output = openSync(keeperLog(name), "a")
  const keeper = spawn(process.execPath, [keeperFile, name], {
    detached: true,
    stdio: ["ignore", output, output],
  })
  closeSync(output)
  keeper.unref()
  return keeper
}

/** Ends the servers of a kind, and waits until their processes and files are gone. */
export async function down(name: KindName): Promise<void> {
  const keeper = holderOf(keeperLock(name))
  if (keeper !== undefined) {
    const servers = readKept(name)?.servers ?? []
    process.kill(keeper, "SIGTERM")
    const isGone = () =>
      !isAlive(keeper) &&
      !existsSync(keeperLock(name)) &&
      servers.every(({ pid, folder }) => !isAlive(pid) && !existsSync(folder))
    await until(endMillisMax, () => {}, isGone)
    if (!isGone()) throw new ServerUnavailable(`${name}: process ${keeper} does not end`)
  }
  removeRests(name)
}

function removeRests(name: KindName): void {
  rmSync(keeperLog(name), { force: true })
  try {
    rmdirSync(stateFolder())
  } catch {
    // Other kinds have theirs there.
  }
}

/** What runs of a kind. */
export function statusOf(name: KindName): Status {
  const kept = readKept(name)
  if (kept === undefined) return { name, state: "down", servers: [] }
  const servers = kept.servers.map((server) => ({
    ...server,
    state: isAlive(server.pid) ? ("up" as const) : ("ended" as const),
  }))
  const url = servers.map((server) => server.url).join(",")
  return { name, state: hasEnded(kept) ? "ended" : "up", url, keeper: kept.keeper, servers }
}

function sayStarting(name: KindName, began: number): () => void {
  let said = began
  return () => {
    if (Date.now() - said < sayEveryMillis) return
    said = Date.now()
    process.stderr.write(`${name}: starting, ${Math.round((said - began) / 1_000)} s\n`)
  }
}

async function until(millisMax: number, say: () => void, holds: () => boolean): Promise<void> {
  const end = Date.now() + millisMax
  while (!holds() && Date.now() < end) {
    say()
    await new Promise((resolve) => setTimeout(resolve, lookEveryMillis))
  }
}
