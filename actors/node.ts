/**
 * A node: the tree of actors over its ports (contracts §12). The command line and the simulator both
 * make one here, with other ports.
 *
 *     root ── shard readers
 *         └── tenants ── sink, partitions, connectors
 *
 * Start: take over the shards (epoch, guards, then the log), check the sinks' cursors against the log,
 * start the readers, then every tenant that has ever been. End: with the scope, children first.
 */
import { Deferred, Effect, Exit, type Scope } from "effect"
import { checkToken } from "../protocols/address.ts"
import { canonicalJson } from "../protocols/canonical.ts"
import { brokenMailboxEquation, brokenSourceEquation } from "../protocols/counters.ts"
import { type IntelGraphError, invariant } from "../protocols/errors.ts"
import { partitionsDefault, partitionsMax, retryMillisMax, shardCount } from "../protocols/limits.ts"
import {
  type ActorContext,
  type ActorRef,
  type ActorType,
  type ActorView,
  type Behavior,
  checkCursors,
  makeSystem,
  type Ownership,
  takeOver,
  type TurnObserver,
} from "../runtime/index.ts"
import { oneForOneSupervisor } from "../supervisors/index.ts"
import type { IngestReport, IngestRequest, IntelNode } from "./api.ts"
import { DurableMailboxes } from "./durable-mailboxes.ts"
import type { ShardMessage, TenantMessage } from "./messages.ts"
import { RecipeBook } from "./recipes.ts"
import { PulledBytes, ShardMemory, shardType } from "./shard.ts"
import { TenantMemory, tenantType } from "./tenant.ts"
import { type Ports, World } from "./world.ts"
