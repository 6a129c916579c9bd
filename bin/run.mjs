// `node bin/run.mjs TOOL ARGS…`: runs a dependency's command, or a file of this repository, under the
// pinned Node. Every npm script goes through here.
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { root, runPinned } from "./pinned-node.mjs"

const [tool, ...args] = process.argv.slice(2)
if (tool === undefined) {
  process.stderr.write("usage: node bin/run.mjs TOOL|FILE ARGS…\n")
  process.exit(2)
}
runPinned([entryOf(tool), ...args])

function entryOf(name) {
  const manifest = join(root, "node_modules", name, "package.json")
  if (!existsSync(manifest)) return join(root, name)
  const { bin } = JSON.parse(readFileSync(manifest, "utf8"))
  const entry = typeof bin === "string" ? bin : (bin[name] ?? Object.values(bin)[0])
  return join(root, "node_modules", name, entry)
}
