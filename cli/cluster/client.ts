/** How a verb asks a cluster: through the socket of the node that runs on its data directory. */
import * as Effect from "effect/Effect"
import { type IntelGraphError, Unavailable } from "../../protocols/errors.ts"
import { retryMillisMax } from "../../protocols/limits.ts"
import { loadSettings } from "../configuration.ts"
import type { Io } from "../io.ts"
import { socketOf } from "../node-socket.ts"
import { callSocket } from "../socket.ts"
import type { Given } from "../verb.ts"
import type { ActorsSeen, ClusterStatus } from "./over.ts"

export interface Cluster {
  readonly status: Effect.Effect<ClusterStatus, IntelGraphError>
  /** Of the tenant that the command names; of all where it names none. */
  readonly actors: Effect.Effect<ActorsSeen, IntelGraphError>
  readonly actorsOf: (tenant: string | undefined) => Effect.Effect<ActorsSeen, IntelGraphError>
  readonly order: (node: string, order: string) => Effect.Effect<void, IntelGraphError>
}

export const reachCluster = (given: Given, io: Io): Effect.Effect<Cluster, IntelGraphError> =>
  Effect.gen(function* () {
    const settings = yield* loadSettings(given, { env: io.env, folder: io.folder })
    const dataDir = settings.dataDir.value
    const tenant = settings.tenant.from === "flag" ? settings.tenant.value : undefined
    const call = (op: string, rest: { readonly [name: string]: unknown } = {}) =>
      Effect.suspend(() => {
        const path = socketOf(dataDir)
        return path === undefined
          ? Effect.fail(nobodyRuns(dataDir))
          : callSocket(path, { op, ...rest })
      })
    const actorsOf = (of: string | undefined) =>
      Effect.map(call("cluster actors", { tenant: of }), (value) => value as ActorsSeen)
    return {
      status: Effect.map(call("cluster status"), (value) => value as ClusterStatus),
      actors: actorsOf(tenant),
      actorsOf,
      order: (node, order) => Effect.asVoid(call("node order", { node, order })),
    }
  })

const nobodyRuns = (dataDir: string) =>
  new Unavailable({
    retryAfterMillis: retryMillisMax,
    message: `No node runs on ${dataDir}.`,
    next: "Start it with `intelgraph start`, or name the data directory of one with --data-dir.",
  })
