/** Where the node may listen: beyond this machine only with tokens and TLS (contracts §10). */
import { isIP } from "node:net"
import { Invalid } from "../protocols/errors.ts"
import { type Door, isLoopback } from "./door.ts"

export interface Bind {
  readonly host: string
  readonly hosts: readonly string[]
  readonly origins: readonly string[]
  readonly tls: Door["tls"]
  /** No token was ever made. */
  readonly isOpen: boolean
}

/** Why it may not, with the next step; `undefined` where it may. */
export function refuseBind({ host, hosts, tls, isOpen }: Bind): Invalid | undefined {
  if (isLoopback(host)) return undefined
  const shown = JSON.stringify(host)
  if (isOpen) {
    return refused(
      `The node does not listen on ${shown}: without tokens it serves this machine only.`,
      "Make one with `intelgraph token create`, or use 127.0.0.1 and from elsewhere an SSH " +
        "tunnel: ssh -L 4000:127.0.0.1:4000.",
    )
  }
  if (tls === "nowhere") {
    return refused(
      `The node does not listen on ${shown} without TLS: tokens would be read on the way.`,
      "Name --tls-cert and --tls-key, or set gateway.tlsEndsBefore where a proxy does it.",
    )
  }
  if (hosts.length > 0 || isPlace(host)) return undefined
  return refused(
    `The node does not know by which names it is asked on ${shown}.`,
    "List them in gateway.hosts, such as [graph.example.org].",
  )
}

/** An address that clients can name; every address at once is none. */
const isPlace = (host: string) => isIP(host) !== 0 && !/^[0:.]+$/.test(host)

export const doorOf = ({ host, hosts, origins, tls }: Bind): Door => ({
  hosts: new Set([...hosts, ...(isPlace(host) ? [host] : [])].map((one) => one.toLowerCase())),
  origins: new Set(origins.map((origin) => origin.toLowerCase())),
  tls,
})

const refused = (message: string, next: string) => new Invalid({ what: "host", message, next })
