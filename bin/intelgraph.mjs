#!/usr/bin/env node
// The `intelgraph` command: starts cli/main.ts under the pinned Node.
import { join } from "node:path"
import { nodeFlags, root, runPinned } from "./pinned-node.mjs"

runPinned([...nodeFlags, join(root, "cli", "main.ts"), ...process.argv.slice(2)])
