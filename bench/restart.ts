/**
 * From the start of a process to a correct answer, over a main job's data that a kill left behind.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Bench, ceiling, median } from "./measure.ts"

const command = fileURLToPath(new URL("../bin/intelgraph.mjs", import.meta.url))
const rounds = 5
const secondsMax = 1.5
const question = '{ entity(type: "vulnerability", key: "CVE-2024-34102") { key } }'
const answer = '"key":"CVE-2024-34102"'

export const restart: Bench = async () => {
  const folder = mkdtempSync(join(tmpdir(), "intelgraph-bench-"))
  try {
    const once = start(folder, await freePort(), ["--once"])
    await ended(once)
    const seconds: number[] = []
    for (let round = 0; round <= rounds; round++) {
      const port = await freePort()
      const started = performance.now()
      const node = start(folder, port, [])
      await answered(port)
      seconds.push((performance.now() - started) / 1000)
      await killed(node)
    }
    const name = "spawn to a correct entity after kill -9"
    return [ceiling(name, median(seconds.slice(1)), secondsMax, "s")]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const start = (folder: string, port: number, args: readonly string[]): ChildProcess =>
  spawn(
    process.execPath,
    [command, "start", "--data-dir", join(folder, "data"), "--port", String(port), ...args],
    {
      stdio: ["ignore", "ignore", "ignore"],
      detached: true,
    },
  )

async function ended(child: ChildProcess): Promise<void> {
  const [code] = (await once(child, "exit")) as [number | null]
  if (code !== 0) throw new Error(`the main job ended with ${code}`)
}

/** Kills the launcher and the node under it: both are of the child's own group. */
async function killed(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit")
  process.kill(-(child.pid ?? process.pid), "SIGKILL")
  await exited
}

async function answered(port: number): Promise<void> {
  while (true) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ query: question }),
      })
      if ((await response.text()).includes(answer)) return
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  if (address === null || typeof address === "string") throw new Error("no free port")
  return address.port
}
