/** `intelgraph node drain`: has it hand its shards over, and go. */
import { giveOrder } from "../cluster/order.ts"
import type { RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) => giveOrder(given, io, "drain")
