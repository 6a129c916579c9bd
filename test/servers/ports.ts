import { createServer } from "node:net"

/**
 * Below the range that systems give to outgoing connections (Linux: from 32768): a client that
 * reconnects to a server that is down could else be given the server's own port as its source, be
 * connected to itself, and keep the server from coming back.
 */
const lowest = 16_000
const count = 16_000
const triesMax = 100
/** A server takes up to ten seconds until it listens: what one was given, no other gets. */
const given = new Set<number>()

/** Free loopback ports, all different; another process may take one before the server does. */
export async function freePorts(wanted: number): Promise<readonly number[]> {
  const found = new Set<number>()
  for (let tries = 0; tries < triesMax && found.size < wanted; tries++) {
    const port = lowest + Math.floor(Math.random() * count)
    if (given.has(port) || !(await isFree(port)) || given.has(port)) continue
    given.add(port)
    found.add(port)
  }
  if (found.size < wanted) throw new Error(`no ${wanted} free ports above ${lowest} on 127.0.0.1`)
  return [...found]
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once("error", () => resolve(false))
    probe.listen({ host: "127.0.0.1", port, exclusive: true }, () =>
      probe.close(() => resolve(true)),
    )
  })
}
