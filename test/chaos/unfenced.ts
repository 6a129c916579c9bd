/**
 * A copy of this checkout in which the fences are gone, to see that a run notices: never a switch
 * of the product. What is written keeps the number of the fence that it would have been held to.
 */
import { execFileSync } from "node:child_process"
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { newFolder } from "../servers/guarded.ts"

interface Change {
  readonly file: string
  readonly line: string
  readonly becomes: string
}

/** The header under which an unfenced build says what its fence was. */
export const unfencedHeader = "X-Fence"

export const changes: readonly Change[] = [
  {
    file: "runtime/adapters/jetstream/fenced-writer.ts",
    line: '"Nats-Expected-Last-Subject-Sequence": String(lane.fence),',
    becomes: `"${unfencedHeader}": String(lane.fence),`,
  },
  {
    file: "runtime/adapters/jetstream/fenced-writer.ts",
    line: '"Nats-Expected-Last-Subject-Sequence-Subject": this.#names.epoch(lane.owner.shard),',
    becomes: `"${unfencedHeader}-Subject": this.#names.epoch(lane.owner.shard),`,
  },
  {
    file: "stores/graph/write/block-writer.ts",
    line: "if (raiseGuard(shard, epoch) === 0) {",
    becomes: "if (raiseGuard(shard, epoch) < 0) {",
  },
  {
    file: "stores/adapters/neo4j/load.ts",
    line: "if ((epochs.get(shard) ?? 0) > epoch) return false",
    becomes: "if ((epochs.get(shard) ?? 0) > epoch) return true",
  },
  {
    file: "stores/adapters/neo4j/takeover.ts",
    line: "return ([shard, epoch]) => epoch < (mine.get(shard) ?? 0)",
    becomes: "return ([shard]) => !mine.has(shard) && mine.has(shard)",
  },
]

const root = join(import.meta.dirname, "../..")

/** Where the copy is; it is removed with this process. */
export function unfencedCopy(): string {
  const copy = newFolder("unfenced")
  const words = ["ls-files", "--cached", "--others", "--exclude-standard"]
  const files = execFileSync("git", words, { cwd: root, encoding: "utf8" }).trim().split("\n")
  for (const file of files) cpSync(join(root, file), join(copy, file), { force: true })
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))
  for (const { file, line, becomes } of changes) {
    const path = join(copy, file)
    const source = readFileSync(path, "utf8")
    if (source.split(line).length !== 2) throw new Error(`${file} has not once: ${line}`)
    writeFileSync(path, source.replace(line, becomes))
  }
  return copy
}
