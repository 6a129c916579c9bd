#!/usr/bin/env node
// The `intelgraph` command: starts cli/main.ts under the pinned Node. The small semi-space keeps the
// resident size of an ingesting node near 260 MB instead of 350 MB (architecture D1, D2).
import { join } from "node:path"
import { root, runPinned } from "./pinned-node.mjs"

runPinned([
  "--max-semi-space-size=8",
  "--disable-warning=ExperimentalWarning",
  join(root, "cli", "main.ts"),
  ...process.argv.slice(2),
])
