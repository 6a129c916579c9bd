/** The servers' part of `deploy/compose`, on real servers. */
import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, onTestFinished, test } from "vitest"
import { shardOf } from "../../protocols/address.ts"
import { openJetStream } from "../../runtime/index.ts"
import { startNats } from "../servers/index.ts"
import { natsProgram } from "../servers/nats.ts"
import { TestSender } from "../support/blocks.ts"
import { handle, sendAll } from "../support/log-flow.ts"
import { run } from "../support/run.ts"
import { runScoped, temporaryFolder } from "../support/scoped.ts"

const folder = join(import.meta.dirname, "../../deploy/compose")

/** A copy of the folder, with secrets of its own. */
function prepared(): { readonly at: string; readonly env: Readonly<Record<string, string>> } {
  const at = temporaryFolder()
  cpSync(folder, at, { recursive: true, filter: (path) => !path.endsWith("secrets") })
  execFileSync("sh", [join(at, "make-secrets.sh")], { stdio: "ignore" })
  const lines = readFileSync(join(at, "secrets/nats.env"), "utf8").trim().split("\n")
  return { at, env: Object.fromEntries(lines.map((line) => line.split("=", 2))) }
}

describe("the servers of the compose file", () => {
  test("take their configuration", async () => {
    const { at, env } = prepared()
    const secret = (name: string) => join(at, "secrets", name)
    const { command } = await natsProgram()
    const check = (more: Readonly<Record<string, string>>) =>
      spawnSync(command, ["-t", "--config", join(at, "nats/nats.conf")], {
        env: {
          ...more,
          NATS_NAME: "nats-1",
          NATS_CERT: secret("nats-cert.pem"),
          NATS_KEY: secret("nats-key.pem"),
          NATS_CA: secret("ca.pem"),
        },
        encoding: "utf8",
      })
    const checked = check(env)
    expect([checked.status, checked.stderr]).toEqual([0, expect.stringMatching(/is valid/)])
    const without = check({})
    expect([without.status, without.stderr]).toEqual([1, expect.stringMatching(/NATS_\w+PASSWORD/)])
  })

  test("let a node work as its user over TLS, and nobody else", async () => {
    const { at, env } = prepared()
    const secret = (name: string) => join(at, "secrets", name)
    const accounts = readFileSync(join(at, "nats/accounts.conf"), "utf8")
    const told = accounts.replaceAll(/\$(NATS_[A-Z_]+)/g, (_, name: string) => env[name] ?? "")
    const [cert, key] = [secret("nats-cert.pem"), secret("nats-key.pem")]
    const tls = `tls { cert_file: "${cert}", key_file: "${key}" }`
    const server = await startNats({
      config: `${tls}\n${told}`,
      jetstream: "sync_interval: always",
    })
    onTestFinished(() => server.stop())
    const options = {
      servers: `tls://localhost:${new URL(server.url).port}`,
      credentials: { user: "node", password: env.NATS_NODE_PASSWORD ?? "" },
      tls: { caFile: secret("ca.pem") },
      bounds: { blocksBytesMax: 64 * 1024 ** 2, stateBytesMax: 64 * 1024 ** 2 },
    }
    const { log, state, broker } = await runScoped(openJetStream(options))
    const [owner] = await run(state.claim([shardOf("demo", 0)]))
    if (owner === undefined) throw new Error("no epoch was given")
    await run(log.open(owner))
    const sender = new TestSender("demo/connector/one", { epoch: owner.epoch, start: 1 })
    const sent = [sender.next(0), sender.next(0)]
    await run(sendAll(log, sent))
    await run(handle(log, owner, sent.length))
    expect((await run(log.tails)).map(({ pending }) => pending)).toEqual([0])
    const removed = broker.api("STREAM.DELETE.INTELGRAPH_MB")
    await expect(removed).rejects.toThrow(/[Pp]ermissions/)
    const wrong = { ...options, credentials: { user: "node", password: "guessed" } }
    const refused = await run(Effect.flip(Effect.scoped(openJetStream(wrong))))
    expect(refused.message).toMatch(/refuses these credentials/)
  })
})
