/**
 * What `doctor` looks at in a data directory. It changes nothing but one small file that it writes
 * to measure the disk and removes again; a directory that is not there yet is no fault.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import { diskFreeBytesLow, fileLockMillisMax } from "../../protocols/limits.ts"
import {
  type DataFiles,
  dataFiles,
  directoryFormat,
  openDataDirectoryReadOnly,
  openEmbeddedLogReadOnly,
} from "../../runtime/index.ts"
import { inspectGraph } from "../../stores/index.ts"
import { type Check, fail, messageOf, ok, warn } from "./check.ts"

const restore = "Do not ingest; restore the latest backup."

export const directoryChecks = (path: string): Effect.Effect<readonly Check[]> => {
  if (!existsSync(path)) {
    const parent = nearestParent(path)
    return Effect.succeed([
      ok("data directory", `${path} is not there yet; the first start makes it.`),
      diskCheck(parent),
      fsyncCheck(parent),
    ])
  }
  const files = dataFiles(path)
  const plain = [permissionCheck(path), diskCheck(path), fsyncCheck(path)]
  if (!existsSync(files.meta)) {
    const found = `${path} holds no data of IntelGraph.`
    const next = "Name another with --data-dir, or empty it."
    return Effect.succeed([...plain, fail("data directory", found, next)])
  }
  const whole = [files.meta, files.log, files.graph].filter(existsSync).map(integrityCheck)
  return Effect.map(agreementChecks(path), (agreement) => [
    ...plain,
    lockCheck(files),
    ...whole,
    ...agreement,
  ])
}

function nearestParent(path: string): string {
  const parent = dirname(path)
  return existsSync(parent) || parent === path ? parent : nearestParent(parent)
}

function permissionCheck(path: string): Check {
  const { mode, uid } = statSync(path)
  const others = mode & 0o077
  const shown = (mode & 0o777).toString(8)
  if (process.getuid !== undefined && uid !== process.getuid()) {
    return warn("permission", `${path} belongs to user ${uid}.`, "Run as that user.")
  }
  return others === 0
    ? ok("permission", `${path} is its owner's only (${shown}).`)
    : warn("permission", `${path} is open to others (${shown}).`, `Run chmod 700 ${path}.`)
}

function diskCheck(path: string): Check {
  const { bavail, bsize } = statfsSync(path)
  const free = bavail * bsize
  const found = `${(free / 1024 ** 3).toFixed(1)} GiB free at ${path}.`
  return free >= diskFreeBytesLow
    ? ok("disk", found)
    : warn("disk", found, "Free some: a full disk stops every ingest.")
}

/** What each commit waits for: the disk's own promise that bytes are there. */
function fsyncCheck(path: string): Check {
  const file = join(path, `.doctor-${process.pid}`)
  try {
    const begun = performance.now()
    const handle = openSync(file, "wx", 0o600)
    writeSync(handle, "intelgraph doctor\n")
    fsyncSync(handle)
    closeSync(handle)
    return ok("fsync", `takes ${(performance.now() - begun).toFixed(1)} ms.`)
  } catch (error) {
    const next = "Look at the permissions and the mount of the disk."
    return fail("fsync", `${path} cannot be written: ${messageOf(error)}.`, next)
  } finally {
    rmSync(file, { force: true })
  }
}

function lockCheck({ lock }: DataFiles): Check {
  if (!existsSync(lock)) return ok("lock", "nobody has it.")
  const db = new DatabaseSync(lock)
  try {
    db.exec("begin exclusive; rollback")
    return ok("lock", "no node is running.")
  } catch {
    return ok("lock", "a node is running.")
  } finally {
    db.close()
  }
}

function integrityCheck(file: string): Check {
  const name = `integrity of ${file.slice(dirname(file).length + 1)}`
  try {
    const db = new DatabaseSync(file, { readOnly: true, timeout: fileLockMillisMax })
    try {
      const [row] = db.prepare("pragma quick_check(1)").all()
      const found = String(row?.quick_check ?? "no answer")
      return found === "ok" ? ok(name, "whole.") : fail(name, `${found}.`, restore)
    } finally {
      db.close()
    }
  } catch (error) {
    return fail(name, `${messageOf(error)}.`, restore)
  }
}

/** Format, and that log and graph are of one making: cursors of the graph below the log's tails. */
const agreementChecks = (path: string): Effect.Effect<readonly Check[]> =>
  Effect.scoped(
    Effect.gen(function* () {
      const directory = yield* openDataDirectoryReadOnly(path)
      const format = ok("format", `${directory.meta.get("format") ?? "?"} of ${directoryFormat}.`)
      if (directory.meta.get("logId") === undefined) return [format]
      const { log: logFile, graph: graphFile } = directory.files
      const [gone] = [logFile, graphFile].filter((file) => !existsSync(file))
      if (gone !== undefined) return [format, fail("files", `${gone} is gone.`, restore)]
      const log = yield* openEmbeddedLogReadOnly(directory)
      const graph = yield* inspectGraph(directory.files.graph)
      const tails = yield* log.tails
      const isOther = graph.logId !== undefined && graph.logId !== log.id
      if (directory.meta.get("logId") !== log.id || isOther) {
        return [format, fail("log", "is not the one that this directory was made with.", restore)]
      }
      const ahead = graph.cursors.filter((cursor) => {
        const tail = tails.find(
          (one) => one.tenant === cursor.tenant && one.partition === cursor.partition,
        )
        return cursor.sequence > (tail?.lastSequence ?? 0)
      })
      const [first] = ahead
      const pending = tails.reduce((sum, tail) => sum + tail.pending, 0)
      return [
        format,
        ok("log", `${log.id}, ${pending} blocks wait for the next start.`),
        first === undefined
          ? ok("cursors", `${graph.cursors.length} of the graph, none above the log.`)
          : fail("cursors", `${first.tenant}/${first.partition} is above the log's end.`, restore),
      ]
    }),
  ).pipe(Effect.catch((error) => Effect.succeed([fail("data", error.message, restore)])))
