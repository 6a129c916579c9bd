/**
 * What `doctor` looks at beside the data directory: Node, its package, the configuration, the port.
 */
import { readFileSync } from "node:fs"
import { createServer } from "node:net"
import * as Effect from "effect/Effect"
import type { Settings } from "../configuration.ts"
import { type Check, fail, ok, warn } from "./check.ts"

export const machineChecks = (settings: Settings): Effect.Effect<readonly Check[]> =>
  Effect.map(portCheck(settings), (port) => [
    nodeCheck(),
    ok("configuration", settings.file ?? "none; defaults hold."),
    port,
  ])

/** The launcher starts the pinned Node, so another one means that it was gone round. */
function nodeCheck(): Check {
  const manifest = new URL("../../package.json", import.meta.url)
  const { optionalDependencies } = JSON.parse(readFileSync(manifest, "utf8")) as {
    readonly optionalDependencies: { readonly [name: string]: string }
  }
  const [pinned] = Object.values(optionalDependencies)
  const found = `${process.versions.node} on ${process.platform}-${process.arch}.`
  return process.versions.node === pinned
    ? ok("node", found)
    : warn("node", found, `Start through bin/intelgraph.mjs, which runs the pinned ${pinned}.`)
}

const portCheck = ({ port, host }: Settings): Effect.Effect<Check> =>
  Effect.callback<Check>((resume) => {
    const name = "port"
    const server = createServer()
    server.once("error", (error: NodeJS.ErrnoException) => {
      const next = "End what uses it, or name another with --port."
      const found =
        error.code === "EADDRINUSE"
          ? `${port.value} on ${host.value} is in use, perhaps by a node of yours.`
          : `${port.value} on ${host.value} cannot be used: ${error.message}.`
      resume(Effect.succeed((error.code === "EADDRINUSE" ? warn : fail)(name, found, next)))
    })
    server.listen({ port: port.value, host: host.value }, () => {
      server.close(() =>
        resume(Effect.succeed(ok(name, `${port.value} on ${host.value} is free.`))),
      )
    })
  })
