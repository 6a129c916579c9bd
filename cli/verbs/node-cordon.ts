/** `intelgraph node cordon`: has it keep what it has, and take nothing. */
import { giveOrder } from "../cluster/order.ts"
import type { RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) => giveOrder(given, io, "cordon")
