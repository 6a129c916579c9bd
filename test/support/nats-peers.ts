/** Nodes in one process that talk over real servers, each through a network of its own. */
import { createInbox, type NatsConnection } from "@nats-io/nats-core"
import * as Scope from "effect/Scope"
import { expect, onTestFinished, vi } from "vitest"
import { openBroker } from "../../runtime/adapters/jetstream/connection.ts"
import { openPeers } from "../../runtime/adapters/jetstream/peer-line.ts"
import { peerSubject } from "../../runtime/adapters/jetstream/peer-subjects.ts"
import { makeNodeHost, type Who } from "../../runtime/index.ts"
import type { OpenPeer } from "../runtime/peers-conformance.ts"
import { Link } from "../servers/links.ts"
import { closeScope, openScope, run } from "./run.ts"

interface Here {
  readonly own: Who
  readonly connection: NatsConnection
}

/** Nodes by the name of their log. */
const known = new Map<string, readonly Here[]>()
let opened = 0

/** Servers of a cluster tell each other who listens: it takes a moment until all of them know. */
async function acquainted(name: string, one: Here, other: Here): Promise<void> {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    // What a process listens to last is known last.
    const { node, incarnation } = to.own
    const subject = peerSubject(name, node, { kind: "no", incarnation, number: 0 })
    const isKnown = async () => expect(await isHeard(from.connection, subject)).toBe(true)
    await vi.waitFor(isKnown, { timeout: 60_000, interval: 20 })
  }
}

/** Whether the server of this connection knows of somebody who listens there. */
async function isHeard(from: NatsConnection, subject: string): Promise<boolean> {
  let isThere = true
  const reply = createInbox()
  const missing = from.subscribe(reply, {
    callback: () => {
      isThere = false
    },
  })
  from.publish(subject, new Uint8Array(0), { reply })
  await from.flush()
  missing.unsubscribe()
  return isThere
}

/** Their clocks show different times, hours apart. */
export const natsPeers =
  (server: () => string, nameOf: () => string): OpenPeer =>
  async (node) => {
    opened += 1
    const own = { node, incarnation: `i${opened}` }
    const link = await Link.open(server())
    const host = makeNodeHost()
    const apartMillis = (opened % 2 === 0 ? opened : -opened) * 3_600_000
    const faults: unknown[] = []
    const scope = openScope()
    onTestFinished(async () => {
      link.heal()
      await closeScope(scope)
      link.close()
    })
    const { broker } = await run(Scope.provide(openBroker({ servers: link.url }), scope))
    const options = {
      own,
      name: nameOf(),
      host: { ...host, nowMillis: () => host.nowMillis() + apartMillis },
      onFault: (_: string, cause: unknown) => faults.push(cause),
    }
    const peers = await run(Scope.provide(openPeers(broker, options), scope))
    const here = { own, connection: broker.connection }
    const others = (known.get(options.name) ?? []).filter((one) => !one.connection.isClosed())
    known.set(options.name, [...others, here])
    for (const other of others) await acquainted(options.name, here, other)
    return {
      peers,
      faults,
      close: () => closeScope(scope),
      vanish: () => broker.connection.close(),
      hold: () => link.hold(),
      heal: () => link.heal(),
    }
  }
