/** `intelgraph mailbox top`: the mailboxes in which most waits, over all nodes. */
import { byDepth } from "../cluster/rated.ts"
import { top } from "../cluster/top.ts"
import type { RunVerb } from "../verb.ts"

export const run: RunVerb = (given, io) => top(given, io, byDepth)
