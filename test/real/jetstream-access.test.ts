/** Who may use the log on JetStream, over what, and on which servers and streams. */
import * as Effect from "effect/Effect"
import { describe, expect, onTestFinished, test } from "vitest"
import { shardOf } from "../../protocols/address.ts"
import { openBroker } from "../../runtime/adapters/jetstream/connection.ts"
import { makeNodeHost, NotThere, openJetStream, openPeers } from "../../runtime/index.ts"
import { startNats } from "../servers/index.ts"
import { TestSender } from "../support/blocks.ts"
import { makeCertificate, writeCertificate } from "../support/certificate.ts"
import { logName } from "../support/jetstream-world.ts"
import { handle, insisting, sendAll } from "../support/log-flow.ts"
import { run } from "../support/run.ts"
import { runScoped, temporaryFolder } from "../support/scoped.ts"

const bounds = { blocksBytesMax: 64 * 1024 ** 2, stateBytesMax: 64 * 1024 ** 2 }

const started = async (config = "") => {
  const server = await startNats({ config })
  onTestFinished(() => server.stop())
  return server
}

/** What a node does with a log, once. */
const useAll = async (options: Parameters<typeof openJetStream>[0]): Promise<void> => {
  const { log, state } = await runScoped(openJetStream({ bounds, ...options }))
  const shard = shardOf("demo", 0)
  for (let takeovers = 0; takeovers < 2; takeovers++) {
    const [owner] = await run(state.claim([shard]))
    if (owner === undefined) throw new Error("no epoch was given")
    await run(log.open(owner))
    const sender = new TestSender("demo/connector/one", { epoch: owner.epoch, start: 1 })
    const sent = [sender.next(0), sender.next(0)]
    await run(sendAll(log, sent))
    await run(handle(log, owner, sent.length))
    const entries = ["a", "b"].map((name) => ({ path: [name], value: new Uint8Array([1]) }))
    await run(insisting(state.write(owner, entries)))
    const page = { after: undefined, limit: 10 }
    expect(await run(state.list(shard, [], page))).toHaveLength(2)
  }
  expect((await run(log.tails)).map(({ pending }) => pending)).toEqual([0])
}

/** As documented where the log is opened. */
const permissionsOf = (name: string): string => {
  const streams = name.toUpperCase()
  const api = ["STREAM.CREATE", "STREAM.INFO", "STREAM.MSG.GET"].flatMap((verb) =>
    ["MB", "CTL", "ST"].map((stream) => `$JS.API.${verb}.${streams}_${stream}`),
  )
  const consumers = ["CREATE", "DELETE", "INFO", "MSG.NEXT"].map(
    (verb) => `$JS.API.CONSUMER.${verb}.${streams}_MB.>`,
  )
  const publish = [
    `${name}.>`,
    "$JS.API.INFO",
    ...api,
    `$JS.API.CONSUMER.NAMES.${streams}_MB`,
    ...consumers,
    `$JS.ACK.${streams}_MB.>`,
  ]
  return JSON.stringify({ publish, subscribe: ["_INBOX.>"] })
}

/** What a node needs beside, to talk to others. */
const peerPermissionsOf = (name: string, node: string): string =>
  JSON.stringify({
    publish: [`${name}.>`, "$JS.API.INFO"],
    subscribe: ["_INBOX.>", `${name}.nd.${node}.>`],
  })

describe("nodes that talk to each other", () => {
  const opened = async (url: string, name: string, node: string) => {
    const credentials = { user: node, password: "secret" }
    const { broker } = await runScoped(openBroker({ servers: url, credentials }))
    const own = { node, incarnation: "i1" }
    return openPeers(broker, { name, own, host: makeNodeHost() })
  }

  test("need no more than what is documented, each under its own name", async () => {
    const name = logName()
    const mute = { publish: ["$JS.API.INFO"], subscribe: ["_INBOX.>", `${name}.nd.mute.>`] }
    const server = await started(
      `authorization { users: [
        { user: a, password: secret, permissions: ${peerPermissionsOf(name, "a")} }
        { user: b, password: secret, permissions: ${peerPermissionsOf(name, "b")} }
        { user: c, password: secret, permissions: ${peerPermissionsOf(name, "another")} }
        { user: mute, password: secret, permissions: ${JSON.stringify(mute)} }
      ] }`,
    )
    const a = await runScoped(await opened(server.url, name, "a"))
    const b = await runScoped(await opened(server.url, name, "b"))
    await runScoped(b.serve({ echo: (payload) => Effect.succeed(payload) }))
    await runScoped(
      b.serve({ count: (_, { emit }) => Effect.as(Effect.forEach([1, 2, 3], emit), "end") }),
    )
    expect(await run(a.ask("b", "echo", 1))).toBe(1)
    const reading = Effect.flatMap(a.stream("b", "count", 1), ({ next }) => next)
    expect(await run(Effect.scoped(reading))).toEqual({ kind: "chunk", value: 1 })
    expect(await run(Effect.flip(a.ask("c", "echo", 1)))).toBeInstanceOf(NotThere)
    for (const [node, verb] of [
      ["c", "subscribe"],
      ["mute", "publish"],
    ] as const) {
      const error = await run(Effect.flip(Effect.scoped(await opened(server.url, name, node))))
      expect(error).toMatchObject({ _tag: "StoreFailed" })
      expect(error.message).toContain(`may not ${verb} to ${name}.nd.${node}.`)
    }
  })
})

describe("servers that take small messages only", () => {
  test("are refused by nodes that talk, in words that say so", async () => {
    const server = await started("max_payload: 65536")
    const { broker } = await runScoped(openBroker({ servers: server.url }))
    const options = { own: { node: "a", incarnation: "i1" }, host: makeNodeHost() }
    const error = await run(Effect.flip(Effect.scoped(openPeers(broker, options))))
    expect(error).toMatchObject({ _tag: "StoreFailed" })
    expect(error.message).toMatch(/take 65536 bytes at once; nodes send 786432/)
  })
})

describe("a log on JetStream", () => {
  test("needs no more than the permissions that are documented", async () => {
    const name = logName()
    const server = await started(
      `authorization { users: [
        { user: node, password: secret, permissions: ${permissionsOf(name)} }
      ] }`,
    )
    const credentials = { user: "node", password: "secret" }
    await useAll({ servers: server.url, name, credentials })
    const other = openJetStream({ servers: server.url, name: logName(), bounds, credentials })
    const error = await run(Effect.flip(Effect.scoped(other)))
    expect(error).toMatchObject({ _tag: "StoreFailed" })
    expect(error.message).toMatch(/may not publish to .*STREAM\.CREATE/)
  })

  test("ends the reader of a shard whose first consumer may not be made", async () => {
    const name = logName()
    const all = permissionsOf(name)
    const fewer = { ...JSON.parse(all) }
    fewer.publish = fewer.publish.filter((subject: string) => !subject.includes("CONSUMER.CREATE"))
    const server = await started(
      `authorization { users: [
        { user: maker, password: secret, permissions: ${all} }
        { user: node, password: secret, permissions: ${JSON.stringify(fewer)} }
      ] }`,
    )
    const options = { servers: server.url, name, bounds }
    const as = (user: string) => ({ ...options, credentials: { user, password: "secret" } })
    await runScoped(openJetStream(as("maker")))
    const { log, state } = await runScoped(openJetStream(as("node")))
    const [owner] = await run(state.claim([shardOf("demo", 0)]))
    if (owner === undefined) throw new Error("no epoch was given")
    expect(await run(log.open(owner))).toEqual([])
    const pulled = run(Effect.flip(log.pull(owner, 2 ** 20)))
    await run(log.append(new TestSender().next(0)))
    const ended = await pulled
    expect(ended._tag).toBe("Fenced")
    expect(ended.message).toMatch(/may not publish to .*CONSUMER\.CREATE/)
    expect(await run(Effect.flip(log.open(owner)))).toMatchObject({ _tag: "StoreFailed" })
  })

  test("is refused with wrong credentials, in words that say so", async () => {
    const server = await started(`authorization { user: node, password: secret }`)
    for (const credentials of [undefined, { user: "node", password: "wrong" }]) {
      const options = { servers: server.url, ...(credentials ? { credentials } : {}) }
      const error = await run(Effect.flip(Effect.scoped(openJetStream(options))))
      expect(error).toMatchObject({ _tag: "StoreFailed" })
      expect(error.message).toMatch(/refuses these credentials/)
      expect(error.message).not.toMatch(/wrong|secret/)
    }
  })

  test("is used over TLS", async () => {
    const { cert, key } = writeCertificate(temporaryFolder(), makeCertificate("localhost"))
    const server = await started(`tls { cert_file: "${cert}", key_file: "${key}" }`)
    const port = new URL(server.url).port
    await useAll({
      servers: `nats://localhost:${port}`,
      name: logName(),
      tls: { caFile: cert },
    })
  })

  test("is refused where its streams are another program's", async () => {
    const server = await started()
    const name = logName()
    const { broker } = await runScoped(
      openJetStream({ servers: server.url, name: logName(), bounds }),
    )
    const stream = `${name.toUpperCase()}_MB`
    const foreign = { name: stream, subjects: [`${name}.mb.>`], retention: "interest" }
    await broker.api(`STREAM.CREATE.${stream}`, foreign)
    const opened = openJetStream({ servers: server.url, name, bounds })
    const error = await run(Effect.flip(Effect.scoped(opened)))
    expect(error).toMatchObject({ _tag: "StoreFailed" })
    expect(error.message).toMatch(
      /not one of this log: it has retention "interest", and the log needs "workqueue"/,
    )
  })

  test("says which server does not answer, without what stands beside its name", async () => {
    const options = { servers: "nats://node:secret@127.0.0.1:1" }
    const error = await run(Effect.flip(Effect.scoped(openJetStream(options))))
    expect(error).toMatchObject({ _tag: "Unavailable" })
    expect(error.message).toMatch(/127\.0\.0\.1:1/)
    expect(error.message).not.toMatch(/secret/)
  })

  test("needs three servers for three copies, and says so", async () => {
    const server = await started()
    const options = { servers: server.url, name: logName(), replicas: 3, bounds }
    const error = await run(Effect.flip(Effect.scoped(openJetStream(options))))
    expect(error).toMatchObject({ _tag: "StoreFailed" })
    expect(error.message).toMatch(/cannot be made: .*replicas/)
  })
})
