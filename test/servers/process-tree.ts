/**
 * Signals to a server and all that it started. Postgres gives each of its processes a group of its
 * own, so a signal to the group of the first would leave sessions running that a test paused.
 */
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"

/** Whether a process runs; one that has ended and is not yet reaped does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  return stateOf(pid) !== "Z"
}

/** Sends a signal to `pid` and its descendants, the first first; those that are gone are passed. */
export function signalTree(pid: number, signal: NodeJS.Signals): void {
  for (const one of [pid, ...descendants(pid)]) signalOne(one, signal)
}

function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended before the signal.
  }
}

/**
 * SIGKILL to `pid` and its descendants, which are returned. The first is stopped before: what it
 * starts between a look at its descendants and the signal would live on. What these start then
 * still does. Nothing else of this process runs meanwhile, as in `stopTree`.
 */
export function killTree(pid: number): readonly number[] {
  stopAll(() => [pid])
  const tree = [pid, ...descendants(pid)]
  for (const one of tree) signalOne(one, "SIGKILL")
  return tree
}

/** What a signal to stop may take to reach the last thread of a process. */
const stoppedMillisMax = 1_000
const moment = new Int32Array(new SharedArrayBuffer(4))

/**
 * SIGSTOP to `pid` and its descendants. They are stopped on return: a signal is on its way for a
 * moment, in which a thread that runs still answers. Nothing else of this process runs meanwhile.
 */
export const stopTree = (pid: number): void => stopAll(() => [pid, ...descendants(pid)])

function stopAll(tree: () => readonly number[]): void {
  for (const one of tree()) signalOne(one, "SIGSTOP")
  if (process.platform !== "linux") return
  const end = performance.now() + stoppedMillisMax
  while (tree().some(runs) && performance.now() < end) {
    Atomics.wait(moment, 0, 0, 1)
  }
}

/** Whether a thread of it is not stopped. */
function runs(pid: number): boolean {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    return threads.some((thread) => /^[RSD]$/.test(statOf(`${pid}/task/${thread}`)[0] ?? ""))
  } catch {
    return false
  }
}

/** Fields of /proc/PID/stat, counted from the state: its own ticks and those of ended children. */
const tickFields = [11, 12, 13, 14]
/** Linux tells times in hundredths of a second, on every machine. */
const millisPerTick = 10

/** What `pid` and its descendants have computed so far; nothing where the system does not tell. */
export function cpuMillis(pid: number): number {
  if (process.platform !== "linux") return 0
  const ticks = [pid, ...descendants(pid)].flatMap((one) => {
    const fields = statOf(one)
    return tickFields.map((at) => Number(fields[at] ?? 0))
  })
  return millisPerTick * ticks.reduce((sum, one) => sum + one, 0)
}

function descendants(pid: number): readonly number[] {
  const children = new Map<number, number[]>()
  for (const [child, parent] of parents()) {
    children.set(parent, [...(children.get(parent) ?? []), child])
  }
  const found: number[] = []
  const waiting = [...(children.get(pid) ?? [])]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    found.push(next)
    waiting.push(...(children.get(next) ?? []))
  }
  return found
}

/** Every process with its parent: from /proc where there is one, else from `ps`. */
function parents(): readonly (readonly [number, number])[] {
  if (process.platform === "linux") {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), Number(statOf(Number(name))[1] ?? 0)] as const)
  }
  return spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" })
    .stdout.split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([pid = 0, parent = 0]) => [pid, parent] as const)
}

function stateOf(pid: number): string | undefined {
  if (process.platform === "linux") return statOf(pid)[0]
  return spawnSync("ps", ["-o", "stat=", "-p", `${pid}`], { encoding: "utf8" }).stdout.trim()[0]
}

/** State, parent, … of a process: what follows its name, which may hold blanks and brackets. */
function statOf(pid: number | string): readonly string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    return text.slice(text.lastIndexOf(")") + 2).split(" ")
  } catch {
    return []
  }
}
