/**
 * Servers that outlive the command that started them: a keeper process holds the servers of one
 * kind, and a file in the system's temporary folder tells of them. Each checkout has its own. The
 * keeper's guard removes the file with the rest when the keeper ends, however it ends.
 */
import { hash } from "node:crypto"
import { readFileSync, renameSync, writeFileSync } from "node:fs"
import { tmpdir, userInfo } from "node:os"
import { join } from "node:path"
import type { KindName } from "./kinds.ts"
import { isAlive } from "./process-tree.ts"

export interface KeptServer {
  readonly name: string
  readonly version: string
  readonly url: string
  readonly pid: number
  readonly user?: string
  readonly password?: string
  readonly folder: string
}

export interface Kept {
  /** Process id of the keeper. */
  readonly keeper: number
  readonly servers: readonly KeptServer[]
}

/** Where the checkout's files of state and its keepers' logs are; others may not read them. */
export function stateFolder(): string {
  const checkout = hash("sha256", join(import.meta.dirname, "../.."), "hex").slice(0, 12)
  return join(tmpdir(), `intelgraph-servers-${userInfo().uid}-${checkout}`)
}

export const stateFile = (kind: KindName): string => join(stateFolder(), `${kind}.json`)

/** Held by the keeper of a kind from its start to its end. */
export const keeperLock = (kind: KindName): string => join(stateFolder(), `${kind}.lock`)

/** What the keeper of a kind has to say, of its start above all. */
export const keeperLog = (kind: KindName): string => join(stateFolder(), `${kind}.log`)

/** What is kept of a kind, or nothing. */
export function readKept(kind: KindName): Kept | undefined {
  let text: string
  try {
    text = readFileSync(stateFile(kind), "utf8")
  } catch {
    return undefined
  }
  const kept: Kept = JSON.parse(text)
  return isAlive(kept.keeper) ? kept : undefined
}

/** Replaces the file as a whole: who reads it meanwhile sees the old or the new one. */
export function writeKept(kind: KindName, kept: Kept): void {
  const part = `${stateFile(kind)}.part`
  writeFileSync(part, JSON.stringify(kept), { mode: 0o600 })
  renameSync(part, stateFile(kind))
}

/** Whether one of its servers is gone while the keeper is there. */
export const hasEnded = ({ servers }: Kept): boolean => servers.some(({ pid }) => !isAlive(pid))
