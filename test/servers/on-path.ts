import { spawnSync } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

const answerMillisMax = 10_000

/** A program that the machine has, with what it says of its version. */
export interface Found {
  readonly command: string
  readonly version: string
}

/** The program of that name on the PATH, where its version is `least` or newer. */
export function onPath(name: string, args: readonly string[], least: string): Found | undefined {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const command = join(folder, name)
    const version = isExecutable(command) ? versionOf(command, args) : undefined
    if (version !== undefined && isAtLeast(version, least)) return { command, version }
  }
  return undefined
}

/** The first number with dots in what a program prints about itself. */
export function versionOf(
  command: string,
  args: readonly string[],
  { env, argv0 }: { env?: Readonly<Record<string, string>>; argv0?: string } = {},
): string | undefined {
  const { stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    timeout: answerMillisMax,
    env: { ...process.env, ...env },
    ...(argv0 === undefined ? {} : { argv0 }),
  })
  return /\d+(\.\d+)+/.exec(`${stdout}${stderr}`)?.[0]
}

/** Compares versions part by part, as numbers. */
export function isAtLeast(version: string, least: string): boolean {
  const parts = version.split(".").map(Number)
  for (const [at, wanted] of least.split(".").map(Number).entries()) {
    const part = parts[at] ?? 0
    if (part !== wanted) return part > wanted
  }
  return true
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
