/** Nodes in one process that talk over real servers, each through a network of its own. */
import * as Scope from "effect/Scope"
import { onTestFinished } from "vitest"
import { openBroker } from "../../runtime/adapters/jetstream/connection.ts"
import { openPeers } from "../../runtime/adapters/jetstream/peer-line.ts"
import { makeNodeHost } from "../../runtime/index.ts"
import type { OpenPeer } from "../runtime/peers-conformance.ts"
import { Link } from "../servers/links.ts"
import { closeScope, openScope, run } from "./run.ts"

let opened = 0

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
    return {
      peers: await run(Scope.provide(openPeers(broker, options), scope)),
      faults,
      close: () => closeScope(scope),
      vanish: () => broker.connection.close(),
      hold: () => link.hold(),
      heal: () => link.heal(),
    }
  }
