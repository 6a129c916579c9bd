/**
 * Keeps the servers of one kind: `keeper.ts KIND`. SIGHUP starts those again that have ended,
 * SIGTERM ends all. Started by `npm run servers -- up`.
 */
import { removeAtEnd } from "./guarded.ts"
import { keeperLock, keeperLog, stateFile, writeKept } from "./kept.ts"
import { isKindName, type KindName, kinds } from "./kinds.ts"
import { takeLock } from "./lock.ts"
import { ServerUnavailable } from "./unavailable.ts"

const kind = kindAskedFor(process.argv[2] ?? "")
// Another keeper is there, or is about to be.
if (!takeLock(keeperLock(kind)) && !takeLock(keeperLock(kind))) process.exit(0)
removeAtEnd(keeperLock(kind))

const servers = await kinds[kind].start().catch((error: unknown) => {
  if (!(error instanceof ServerUnavailable)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
removeAtEnd(stateFile(kind))
removeAtEnd(keeperLog(kind))
tellOfThem()

process.on("SIGHUP", async () => {
  await Promise.all(servers.map((server) => server.start()))
  tellOfThem()
})
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, async () => {
    await Promise.all(servers.map((server) => server.stop()))
    process.exit(0)
  })
}
// Nothing else keeps this process: its servers do not.
setInterval(() => {}, 2 ** 30)

function kindAskedFor(name: string): KindName {
  if (isKindName(name)) return name
  throw new Error(`no kind of server: ${name}`)
}

function tellOfThem(): void {
  writeKept(kind, {
    keeper: process.pid,
    servers: servers.map(({ name, version, url, pid, user, password, folder }) => ({
      ...{ name, version, url, pid, folder },
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { password }),
    })),
  })
}
