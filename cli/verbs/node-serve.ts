/** `intelgraph node serve`: has it take its share again. */
import { giveOrder } from "../cluster/order.ts"
import type { RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) => giveOrder(given, io, "serve")
