/** The log on JetStream while servers and connections come and go, and owners with them. */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import { keyToken, shardOf } from "../../protocols/address.ts"
import { partitionMailboxBlocksMax, senderStartsKeptMax } from "../../protocols/limits.ts"
import {
  type JetStream,
  type JetStreamOptions,
  type Ownership,
  openJetStream,
} from "../../runtime/index.ts"
import { type NatsCluster, type Server, startNats, startNatsCluster } from "../servers/index.ts"
import { TestSender } from "../support/blocks.ts"
import { listenTo } from "../support/child.ts"
import { logName } from "../support/jetstream-world.ts"
import { Flow, handle, insisting, sendAll } from "../support/log-flow.ts"
import { run } from "../support/run.ts"
import { runScoped } from "../support/scoped.ts"

const ownerChild = fileURLToPath(new URL("../support/log-owner-child.ts", import.meta.url))
const plenty = 2 ** 30
const tenant = "demo"
const shard = shardOf(tenant, 0)
const bounds = { blocksBytesMax: 64 * 1024 ** 2, stateBytesMax: 64 * 1024 ** 2 }

const claim = async ({ state }: JetStream): Promise<Ownership> => {
  const [owner] = await run(insisting(state.claim([shard])))
  if (owner === undefined) throw new Error("no epoch was given")
  return owner
}

const takeOver = async (node: JetStream): Promise<Ownership> => {
  const owner = await claim(node)
  await run(insisting(node.log.open(owner)))
  return owner
}

/** Sends and handles blocks while `disturb` is at work; each must be handled once. */
async function flowThrough(node: JetStream, disturb: (flow: Flow) => Promise<void>) {
  const owner = await takeOver(node)
  const sender = new TestSender()
  const flow = new Flow()
  const sending = run(flow.send(node.log, () => sender.next(0, 500)))
  const handling = run(flow.handle(node.log, owner))
  await disturb(flow)
  flow.end()
  await Promise.all([sending, handling])
  const { offers, receipts, handled } = flow
  expect(handled.map(({ block }) => Buffer.from(block))).toEqual(
    offers.map(({ block }) => Buffer.from(block)),
  )
  expect(handled.map(({ sequence }) => sequence)).toEqual(receipts.map(({ sequence }) => sequence))
  expect((await run(node.log.tails)).map(({ pending }) => pending)).toEqual([0])
}

describe("one server", () => {
  let server: Server | undefined
  beforeAll(async () => {
    server = await startNats()
  })
  afterAll(() => server?.stop())
  const started = () => {
    if (server === undefined) throw new Error("the server did not start")
    return server
  }
  const options = (): JetStreamOptions => ({ servers: started().url, name: logName(), bounds })

  test("loses and doubles nothing when the server is killed under load", async () => {
    const node = await runScoped(openJetStream(options()))
    await flowThrough(node, async (flow) => {
      for (let kills = 0; kills < 3; kills++) {
        await run(flow.moved(30))
        started().kill()
        await started().start()
      }
    })
  })

  test("loses and doubles nothing when the connection is cut under load", async () => {
    const node = await runScoped(openJetStream(options()))
    await flowThrough(node, async (flow) => {
      for (let cuts = 0; cuts < 8; cuts++) {
        await run(flow.moved(20))
        await node.broker.connection.reconnect()
      }
    })
  })

  test("gives a second owner all that the first, which stands still, took or not", async () => {
    const named = options()
    const [first, second] = [
      await runScoped(openJetStream(named)),
      await runScoped(openJetStream(named)),
    ]
    const former = await takeOver(first)
    const sender = new TestSender()
    const offers = Array.from({ length: 5 }, () => sender.next(0))
    await run(sendAll(first.log, offers))
    const taken = await run(first.log.pull(former, plenty))
    expect(taken).toHaveLength(5)
    const open = await run(
      Effect.forkDetach(Effect.flip(first.log.pull(former, plenty)), { startImmediately: true }),
    )
    const owner = await takeOver(second)
    offers.push(...Array.from({ length: 5 }, () => sender.next(0)))
    await run(sendAll(first.log, offers.slice(5)))
    const handled = await run(handle(second.log, owner, 10))
    expect(handled.map(({ block }) => block)).toEqual(offers.map(({ block }) => block))
    expect((await run(Fiber.join(open)))._tag).toBe("Fenced")
    const late = await run(Effect.flip(first.log.acknowledge(former, taken)))
    expect(late._tag).toBe("Fenced")
    expect((await run(second.log.tails)).map(({ pending }) => pending)).toEqual([0])
  })

  test.each(["SIGKILL", "SIGSTOP"] as const)(
    "gives a second owner what the first, which gets %s, did not acknowledge",
    async (signal) => {
      const named = options()
      const node = await runScoped(openJetStream(named))
      const args = [ownerChild, started().url, named.name ?? "", String(shard), "5"]
      const former = listenTo(spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] }))
      onTestFinished(() => void former.child.kill("SIGKILL"))
      await former.says(/opened/)
      const sender = new TestSender()
      const offers = Array.from({ length: 10 }, () => sender.next(0))
      await run(sendAll(node.log, offers.slice(0, 5)))
      await former.says(/took/)
      former.child.kill(signal)
      const owner = await takeOver(node)
      await run(sendAll(node.log, offers.slice(5)))
      const handled = await run(handle(node.log, owner, 9))
      expect(handled.map(({ block }) => block)).toEqual(offers.slice(1).map(({ block }) => block))
      expect((await run(node.log.tails)).map(({ pending }) => pending)).toEqual([0])
      if (signal === "SIGKILL") return
      former.child.kill("SIGCONT")
      expect(await former.says(/ended (\w+)/)).toBe("Fenced")
      expect(await former.says(/late (\w+)/)).toBe("Fenced")
      await former.ended
    },
  )

  test("passes over the second copy of a block that came after the server forgot it", async () => {
    const named = options()
    const node = await runScoped(openJetStream(named))
    const owner = await takeOver(node)
    const sender = new TestSender()
    const offers = [sender.next(0), sender.next(0), sender.next(0)]
    await run(sendAll(node.log, offers.slice(0, 2)))
    const subject = `${named.name}.mb.${shard}.${tenant}.0`
    const copy = { subject, data: offers[0]?.block ?? new Uint8Array(), headers: {} }
    await node.broker.publish(copy)
    await run(sendAll(node.log, offers.slice(2)))
    const handled = await run(handle(node.log, owner, 3))
    expect(handled.map(({ block }) => block)).toEqual(offers.map(({ block }) => block))
    await node.broker.publish(copy)
    const next = await takeOver(node)
    const last = sender.next(0)
    await run(sendAll(node.log, [last]))
    expect((await run(handle(node.log, next, 1))).map(({ block }) => block)).toEqual([last.block])
    expect((await run(node.log.tails)).map(({ pending }) => pending)).toEqual([0])
  })

  test("knows a sender that stood still while it was started anew many times", async () => {
    const node = await runScoped(openJetStream(options()))
    const owner = await takeOver(node)
    const send = async (sender: TestSender) => {
      const offer = sender.next(0)
      await run(sendAll(node.log, [offer]))
      const [handled] = await run(handle(node.log, owner, 1))
      expect(handled?.block).toEqual(offer.block)
    }
    const [first, ...later] = Array.from(
      { length: 2 * senderStartsKeptMax },
      (_, start) => new TestSender("demo/connector/one", { epoch: 1, start }),
    )
    if (first === undefined) throw new Error("some were made")
    for (const sender of [first, ...later]) await send(sender)
    const next = await takeOver(node)
    const offer = first.next(0)
    await run(sendAll(node.log, [offer]))
    expect((await run(handle(node.log, next, 1)))[0]?.block).toEqual(offer.block)
  })

  test("finds a block missing in its chain, and one that is not what was sent", async () => {
    for (const spoil of ["skip", "change"]) {
      const named = options()
      const node = await runScoped(openJetStream(named))
      const owner = await takeOver(node)
      const sender = new TestSender()
      const [first, , third] = [sender.next(0), sender.next(0), sender.next(0)]
      await run(sendAll(node.log, first === undefined ? [] : [first]))
      const changed = new TestSender()
      const data = spoil === "skip" ? third?.block : changed.block(2, new Uint8Array(32).fill(7))
      const subject = `${named.name}.mb.${shard}.${tenant}.0`
      await node.broker.publish({ subject, data: data ?? new Uint8Array(), headers: {} })
      const error = await run(Effect.flip(handle(node.log, owner, 2)))
      expect(error._tag).toBe("LogDamaged")
    }
  })

  test("has a shard whose consumer is gone taken over anew, and loses no block", async () => {
    const named = options()
    const node = await runScoped(openJetStream(named))
    const sender = new TestSender()
    await run(sendAll(node.log, [sender.next(0)]))
    const owner = await takeOver(node)
    await run(handle(node.log, owner, 1))
    const pulled = run(Effect.flip(node.log.pull(owner, plenty)))
    const stream = `${named.name?.toUpperCase()}_MB`
    await node.broker.api(`CONSUMER.DELETE.${stream}.s${shard}-e${owner.epoch}`)
    expect((await pulled)._tag).toBe("Fenced")
    await run(sendAll(node.log, [sender.next(0), sender.next(0)]))
    expect(await run(handle(node.log, await takeOver(node), 2))).toHaveLength(2)
  })

  test("removes the consumer that a lower epoch left behind", async () => {
    const named = options()
    const node = await runScoped(openJetStream(named))
    const stream = `${named.name?.toUpperCase()}_MB`
    const left = { name: `s${shard}-e0`, durable_name: `s${shard}-e0`, ack_policy: "explicit" }
    const config = { ...left, filter_subject: `${named.name}.mb.${shard}.>`, max_ack_pending: -1 }
    await node.broker.api(`CONSUMER.CREATE.${stream}.${left.name}`, {
      stream_name: stream,
      config,
    })
    expect(await consumersOf(node, named)).toEqual([left.name])
    const owner = await takeOver(node)
    expect(await consumersOf(node, named)).toEqual([`s${shard}-e${owner.epoch}`])
  })

  test("makes the consumer of an announced owner, who gets nothing before it opens", async () => {
    const named = options()
    const node = await runScoped(openJetStream(named))
    const other = await runScoped(openJetStream(named))
    const former = await takeOver(other)
    const sender = new TestSender()
    await run(sendAll(other.log, [sender.next(0), sender.next(0)]))
    const held = await run(other.log.pull(former, plenty))
    const standing = run(Effect.flip(other.log.pull(former, plenty)))
    const owner = await claim(node)
    await run(node.log.announce(owner))
    expect(await standing).toMatchObject({ _tag: "Fenced", current: owner.epoch })
    await expect.poll(() => consumersOf(node, named)).toEqual([`s${shard}-e${owner.epoch}`])
    const late = await run(Effect.flip(other.log.acknowledge(former, held)))
    expect(late._tag).toBe("Fenced")
    expect((await run(Effect.flip(node.log.pull(owner, plenty))))._tag).toBe("Fenced")
    expect(await run(node.log.open(owner))).toMatchObject([{ pending: 2 }])
    expect(await run(handle(node.log, owner, 2))).toHaveLength(2)
  })

  test("gives an announced owner the first block, which came before it opened", async () => {
    const named = options()
    const node = await runScoped(openJetStream(named))
    const other = await runScoped(openJetStream(named))
    const owner = await claim(node)
    await run(node.log.announce(owner))
    const offer = new TestSender().next(0)
    await run(sendAll(other.log, [offer]))
    await run(node.log.open(owner))
    expect((await run(handle(node.log, owner, 1))).map(({ block }) => block)).toEqual([offer.block])
  })

  test("lets an announced owner who was passed open nothing, in nobody's way", async () => {
    const named = options()
    const node = await runScoped(openJetStream(named))
    const other = await runScoped(openJetStream(named))
    await takeOver(node)
    await run(sendAll(node.log, [new TestSender().next(0)]))
    const passed = await claim(node)
    await run(node.log.announce(passed))
    const owner = await takeOver(other)
    expect((await run(Effect.flip(node.log.open(passed))))._tag).toBe("Fenced")
    expect(await run(handle(other.log, owner, 1))).toHaveLength(1)
    await expect.poll(() => consumersOf(node, named)).toEqual([`s${shard}-e${owner.epoch}`])
  })

  test("reads a shard without a consumer until its first block, whoever sends that", async () => {
    const named = options()
    const node = await runScoped(openJetStream(named))
    const other = await runScoped(openJetStream(named))
    for (const [partition, sending] of [node, other].entries()) {
      const of = shardOf(tenant, partition)
      const [owner] = await run(node.state.claim([of]))
      if (owner === undefined) throw new Error("no epoch was given")
      expect(await run(node.log.open(owner))).toEqual([])
      const before = await consumersOf(node, named)
      expect(before).not.toContain(`s${of}-e${owner.epoch}`)
      const handled = run(handle(node.log, owner, 1))
      const offer = new TestSender(`${tenant}/connector/${partition}`).next(partition)
      await run(sendAll(sending.log, [offer]))
      expect((await handled).map(({ block }) => block)).toEqual([offer.block])
      expect(await consumersOf(node, named)).toEqual([...before, `s${of}-e${owner.epoch}`].sort())
    }
  })

  test("ends a pull of a shard without blocks when somebody else has taken it", async () => {
    const named = options()
    const node = await runScoped(openJetStream(named))
    const other = await runScoped(openJetStream(named))
    const owner = await takeOver(node)
    const pulled = run(Effect.flip(node.log.pull(owner, plenty)))
    const next = await takeOver(other)
    expect(await pulled).toMatchObject({ _tag: "Fenced", current: next.epoch })
    // Whoever is late finds the block of its successor, and takes none of it.
    const offer = new TestSender().next(0)
    await run(sendAll(node.log, [offer]))
    expect((await run(handle(other.log, next, 1))).map(({ block }) => block)).toEqual([offer.block])
    expect(await consumersOf(node, named)).toEqual([`s${shard}-e${next.epoch}`])
  })

  test("tells the log's own bound from the mailbox's", async () => {
    const node = await runScoped(
      openJetStream({ ...options(), bounds: { ...bounds, blocksBytesMax: 200_000 } }),
    )
    const sender = new TestSender()
    const errors = new Set<string>()
    for (let partition = 0; partition < 2; partition++) {
      for (let i = 0; i < partitionMailboxBlocksMax; i++) {
        const size = partition === 0 ? 100 : 60_000
        const appended = node.log.append(sender.next(partition, size))
        await run(Effect.catch(appended, ({ _tag }) => Effect.sync(() => errors.add(_tag))))
        if (errors.size > 0) break
      }
      if (partition === 0) {
        const full = await run(Effect.flip(node.log.append(sender.next(0))))
        expect(full._tag).toBe("MailboxFull")
      }
    }
    expect([...errors]).toEqual(["LogFull"])
  })

  test.each([
    ["on top of a later one", 3],
    ["after an empty one", undefined],
  ])("keeps a late group of an owner from landing %s", async (_where, next) => {
    const named = options()
    const node = await runScoped(openJetStream(named))
    const owner = await claim(node)
    const stream = `${named.name?.toUpperCase()}_ST`
    const epoch = `${named.name}.ep.${shard}`
    const fence = (await node.broker.stored(stream, { last_by_subj: epoch }))?.sequence
    const write = (value: number) =>
      node.state.write(owner, [{ path: ["a"], value: new Uint8Array([value]) }])
    await run(write(1))
    started().pause()
    onTestFinished(() => started().resume())
    const lost = await run(Effect.forkDetach(Effect.flip(write(2)), { startImmediately: true }))
    expect((await run(Fiber.join(lost)))._tag).toBe("Unavailable")
    started().resume()
    await run(insisting(next === undefined ? node.state.write(owner, []) : write(next)))
    const kept = await run(insisting(node.state.read(shard, ["a"])))
    if (next !== undefined) expect(kept).toEqual(new Uint8Array([next]))
    const late = node.broker.publish({
      subject: `${named.name}.st.${shard}.${keyToken("a")}`,
      data: new Uint8Array([2]),
      headers: {
        "Nats-Expected-Last-Subject-Sequence": String(fence),
        "Nats-Expected-Last-Subject-Sequence-Subject": epoch,
      },
    })
    await expect(late).rejects.toThrow(/wrong last sequence/)
    expect(await run(insisting(node.state.read(shard, ["a"])))).toEqual(kept)
  })
})

describe("three servers", () => {
  let cluster: NatsCluster | undefined
  beforeAll(async () => {
    cluster = await startNatsCluster()
  })
  afterAll(() => cluster?.stop())

  test("make one log for nodes that come at once, each to a server of its own", async () => {
    const servers = (cluster?.servers ?? []).map(({ url }) => url)
    for (let round = 0; round < 10; round++) {
      const named = { name: logName(), replicas: 3, bounds }
      const nodes = [...servers, ...servers].map((one) => openJetStream({ servers: one, ...named }))
      const opened = await runScoped(Effect.all(nodes, { concurrency: "unbounded" }))
      expect(new Set(opened.map(({ log }) => log.id)).size).toBe(1)
    }
  })

  test("loses and doubles nothing when each server is killed in turn", async () => {
    const servers = cluster?.servers ?? []
    const node = await runScoped(
      openJetStream({ servers: cluster?.url ?? "", name: logName(), replicas: 3, bounds }),
    )
    await flowThrough(node, async (flow) => {
      for (const server of servers) {
        await run(flow.moved(20))
        server.kill()
        await run(flow.moved(20))
        await server.start()
      }
    })
  })

  test("keeps blocks of a shard that changes hands while a server is away", async () => {
    const servers = cluster?.servers ?? []
    const named = { servers: cluster?.url ?? "", name: logName(), replicas: 3, bounds }
    // The servers may have come back a moment ago.
    const node = await runScoped(insisting(openJetStream(named)))
    await takeOver(node)
    const sender = new TestSender()
    const offers = Array.from({ length: 3 }, () => sender.next(0))
    await run(sendAll(node.log, offers))
    await takeOver(node)
    const [away, ...others] = servers
    away?.kill()
    await takeOver(node)
    // Whoever leads the servers anew puts down where they stand, and that is what is caught up on.
    for (const other of others) {
      other.kill()
      await other.start()
      await takeOver(node)
    }
    await away?.start()
    await leads(node, `${named.name.toUpperCase()}_MB`, "nats-1")
    expect((await run(insisting(node.log.tails))).map(({ pending }) => pending)).toEqual([3])
    const handled = await run(handle(node.log, await takeOver(node), 3))
    expect(handled.map(({ block }) => block)).toEqual(offers.map(({ block }) => block))
  })
})

/** Names of the consumers of blocks, in order. */
async function consumersOf({ broker }: JetStream, { name = "" }: JetStreamOptions) {
  const stream = `${name.toUpperCase()}_MB`
  return (
    await broker.api<{ consumers: string[] }>(`CONSUMER.NAMES.${stream}`)
  ).consumers.toSorted()
}

/** Once this server leads the stream. */
async function leads({ broker }: JetStream, stream: string, server: string): Promise<void> {
  const leader = async () => {
    const info = await broker.api<{ cluster: { leader?: string } }>(`STREAM.INFO.${stream}`)
    if (info.cluster.leader === server) return true
    const wanted = { placement: { preferred: server } }
    await broker.api(`STREAM.LEADER.STEPDOWN.${stream}`, wanted)
    return false
  }
  const isLeader = () => leader().catch(() => false)
  await expect.poll(isLeader, { timeout: 60_000, interval: 500 }).toBe(true)
}
