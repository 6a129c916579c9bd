/**
 * mercurius, which needs graphql 16 and so a folder of packages of its own: installed when the
 * bench first asks for it, from a lock file, without scripts.
 */
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { type Contestant, startContestant } from "./contestant.ts"

const folder = fileURLToPath(new URL("../peers/", import.meta.url))
const installMillisMax = 180_000

/** `undefined` where it cannot be installed; why is told on stderr. */
export async function startMercurius(path: string): Promise<Contestant | undefined> {
  try {
    if (!existsSync(`${folder}node_modules/mercurius`)) await install()
    return await startContestant("mercurius", new URL("./mercurius-server.ts", import.meta.url), [
      path,
    ])
  } catch (error) {
    const why = error instanceof Error ? error.message.split("\n")[0] : String(error)
    process.stderr.write(`  mercurius is not measured: it could not be installed (${why})\n`)
    return undefined
  }
}

async function install(): Promise<void> {
  process.stderr.write("  installing mercurius and graphql 16 into bench/peers …\n")
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
  await promisify(execFile)("npm", args, { cwd: folder, timeout: installMillisMax })
}
