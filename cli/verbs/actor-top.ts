/** `intelgraph actor top`: the actors that do most, over all nodes. */
import { byWork } from "../cluster/rated.ts"
import { top } from "../cluster/top.ts"
import type { RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) => top(given, io, byWork)
