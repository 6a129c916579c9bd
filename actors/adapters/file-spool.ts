/**
 * The `Spool` of a data directory: `spool/<tenant>/<number>`, one file a write, and `arriving-…`
 * while one arrives. Mode 0600 in folders of mode 0700, as everything beside them.
 *
 * Promises: a kept file was flushed before it got its name, and its name before `keep` answers.
 * What may fail beneath: the disk. What arrived when the process ended is removed at the next
 * start.
 */
import { createHash, randomUUID } from "node:crypto"
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from "node:fs"
import { type FileHandle, mkdir, open as openFile, rename, unlink } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { DiskFull, LimitExceeded, MailboxFull, StoreFailed } from "../../protocols/errors.ts"
import {
  retryMillisMax,
  spoolBytesMax,
  spoolBytesPerTenantMax,
  spoolWritesPerTenantMax,
  uploadBytesMax,
} from "../../protocols/limits.ts"
import type { Arriving, KeptWrite, SpoolBroken, SpooledBytes, SpoolShape } from "../spool.ts"

/** Bounds of a spool; those of `limits.ts` unless a test names others. */
export interface SpoolBounds {
  readonly bytesPerWrite: number
  readonly bytesPerTenant: number
  readonly bytes: number
  /** Those that arrive among them. */
  readonly writesPerTenant: number
}

const boundsOfLimits: SpoolBounds = {
  bytesPerWrite: uploadBytesMax,
  bytesPerTenant: spoolBytesPerTenantMax,
  bytes: spoolBytesMax,
  writesPerTenant: spoolWritesPerTenantMax,
}

/** Opens the spool in this folder, which is made where it is missing. */
export const openSpool = (
  folder: string,
  bounds: Partial<SpoolBounds> = {},
): Effect.Effect<SpoolShape, SpoolBroken> =>
  Effect.try({
    try: () => {
      const spool = new FileSpool(folder, { ...boundsOfLimits, ...bounds })
      spool.load()
      return spool
    },
    catch: (error) => brokenBy(folder, error),
  })

interface Holding {
  bytes: number
  arriving: number
  /** Bytes of each kept write. */
  readonly kept: Map<number, number>
}

const keptPattern = /^[0-9]{16}$/
const arrivingPrefix = "arriving-"

class FileSpool implements SpoolShape {
  readonly #folder: string
  readonly #bounds: SpoolBounds
  readonly #tenants = new Map<string, Holding>()
  #bytes = 0

  constructor(folder: string, bounds: SpoolBounds) {
    this.#folder = folder
    this.#bounds = bounds
  }

  load(): void {
    if (mkdirSync(this.#folder, { recursive: true, mode: 0o700 }) !== undefined) {
      flushSync(join(this.#folder, ".."))
    }
    for (const tenant of readdirSync(this.#folder)) {
      const folder = join(this.#folder, tenant)
      if (!statSync(folder).isDirectory()) continue
      for (const name of readdirSync(folder)) {
        const file = join(folder, name)
        if (name.startsWith(arrivingPrefix)) rmSync(file)
        else if (keptPattern.test(name)) this.#keep(tenant, Number(name), statSync(file).size)
      }
    }
  }

  receive(tenant: string): Effect.Effect<Arriving, MailboxFull | SpoolBroken, Scope.Scope> {
    const path = join(this.#folder, tenant, `${arrivingPrefix}${randomUUID()}`)
    const begun = Effect.suspend((): Effect.Effect<FileHandle, MailboxFull | SpoolBroken> => {
      const full = this.#full(tenant)
      if (full !== undefined) return Effect.fail(full)
      this.#holding(tenant).arriving++
      return attempt(path, () => this.#create(tenant, path)).pipe(
        Effect.tapError(() => Effect.sync(() => this.arrived(tenant))),
      )
    })
    return Effect.acquireRelease(
      Effect.map(begun, (handle) => new ArrivingFile(this, tenant, path, handle)),
      (arriving) => Effect.promise(() => arriving.release()),
    )
  }

  async #create(tenant: string, path: string): Promise<FileHandle> {
    await mkdir(join(this.#folder, tenant), { recursive: true, mode: 0o700 })
    // Also where it was there: another write may have made it just now and not flushed it yet.
    await flushFolder(this.#folder)
    return openFile(path, "wx+", 0o600)
  }

  pathOf({ tenant, number }: KeptWrite): string {
    return join(this.#folder, tenant, String(number).padStart(16, "0"))
  }

  has({ tenant, number }: KeptWrite): boolean {
    return this.#tenants.get(tenant)?.kept.has(number) ?? false
  }

  bytesOf(kept: KeptWrite): Effect.Effect<SpooledBytes, SpoolBroken, Scope.Scope> {
    const path = this.pathOf(kept)
    const opened = Effect.acquireRelease(
      attempt(path, () => openFile(path, "r")),
      (handle) => Effect.promise(() => handle.close().catch(() => undefined)),
    )
    return Effect.flatMap(opened, (handle) =>
      attempt(path, async () => {
        const length = (await handle.stat()).size
        return { length, read: (offset, most) => readAt(path, handle, offset, most) }
      }),
    )
  }

  kept(): readonly KeptWrite[] {
    return [...this.#tenants.keys()]
      .sort()
      .flatMap((tenant) =>
        [...this.#holding(tenant).kept.keys()]
          .sort((a, b) => a - b)
          .map((number) => ({ tenant, number })),
      )
  }

  remove(kept: KeptWrite): Effect.Effect<void, SpoolBroken> {
    const path = this.pathOf(kept)
    return attempt(path, async () => {
      await unlink(path).catch(unlessMissing)
      const { tenant, number } = kept
      const holding = this.#holding(tenant)
      this.charge(tenant, -(holding.kept.get(number) ?? 0))
      holding.kept.delete(number)
      this.#forget(tenant)
    })
  }

  /** Why these bytes find no room; they are charged where they do. */
  take(tenant: string, before: number, more: number): LimitExceeded | MailboxFull | undefined {
    const { bytesPerWrite, bytesPerTenant, bytes } = this.#bounds
    if (before + more > bytesPerWrite) return tooLarge(bytesPerWrite, before + more)
    if (this.#holding(tenant).bytes + more > bytesPerTenant || this.#bytes + more > bytes) {
      return full(tenant, "bytes", "The writes that wait have no room for more bytes.")
    }
    this.charge(tenant, more)
    return undefined
  }

  charge(tenant: string, bytes: number): void {
    this.#holding(tenant).bytes += bytes
    this.#bytes += bytes
  }

  /** The file got its name; its bytes are charged already. One that had the name is gone. */
  named(tenant: string, number: number, bytes: number): void {
    const { kept } = this.#holding(tenant)
    this.charge(tenant, -(kept.get(number) ?? 0))
    kept.set(number, bytes)
  }

  arrived(tenant: string): void {
    this.#holding(tenant).arriving--
    this.#forget(tenant)
  }

  #keep(tenant: string, number: number, bytes: number): void {
    this.charge(tenant, bytes)
    this.named(tenant, number, bytes)
  }

  #full(tenant: string): MailboxFull | undefined {
    const { arriving, kept } = this.#holding(tenant)
    const writes = arriving + kept.size
    if (writes < this.#bounds.writesPerTenant) return undefined
    return full(tenant, "depth", `${writes} writes of the tenant wait already.`)
  }

  #holding(tenant: string): Holding {
    const known = this.#tenants.get(tenant)
    if (known !== undefined) return known
    const holding: Holding = { bytes: 0, arriving: 0, kept: new Map() }
    this.#tenants.set(tenant, holding)
    return holding
  }

  #forget(tenant: string): void {
    const { arriving, kept } = this.#holding(tenant)
    if (arriving === 0 && kept.size === 0) this.#tenants.delete(tenant)
  }
}

class ArrivingFile implements Arriving {
  readonly #spool: FileSpool
  readonly #tenant: string
  readonly #path: string
  readonly #handle: FileHandle
  readonly #hash = createHash("sha256")
  #bytes = 0
  #isKept = false

  constructor(spool: FileSpool, tenant: string, path: string, handle: FileHandle) {
    this.#spool = spool
    this.#tenant = tenant
    this.#path = path
    this.#handle = handle
  }

  append(bytes: Uint8Array): Effect.Effect<void, LimitExceeded | MailboxFull | SpoolBroken> {
    return Effect.suspend((): Effect.Effect<void, LimitExceeded | MailboxFull | SpoolBroken> => {
      const refused = this.#spool.take(this.#tenant, this.#bytes, bytes.length)
      if (refused !== undefined) return Effect.fail(refused)
      this.#bytes += bytes.length
      this.#hash.update(bytes)
      return attempt(this.#path, () => this.#handle.appendFile(bytes))
    })
  }

  bytes(): number {
    return this.#bytes
  }

  hash(): string {
    return this.#hash.copy().digest("hex")
  }

  read(offset: number, length: number): Effect.Effect<Uint8Array, SpoolBroken> {
    return readAt(this.#path, this.#handle, offset, length)
  }

  flush(): Effect.Effect<void, SpoolBroken> {
    return attempt(this.#path, () => this.#handle.sync())
  }

  keep(number: number): Effect.Effect<void, SpoolBroken> {
    const to = this.#spool.pathOf({ tenant: this.#tenant, number })
    return attempt(this.#path, async () => {
      await this.#handle.sync()
      await rename(this.#path, to)
      await flushFolder(join(to, ".."))
      this.#isKept = true
      this.#spool.named(this.#tenant, number, this.#bytes)
      this.#spool.arrived(this.#tenant)
    })
  }

  /** What fails here leaves a file that the next start removes. */
  async release(): Promise<void> {
    await this.#handle.close().catch(() => undefined)
    if (this.#isKept) return
    this.#spool.charge(this.#tenant, -this.#bytes)
    await unlink(this.#path).catch(() => undefined)
    this.#spool.arrived(this.#tenant)
  }
}

const tooLarge = (bound: number, value: number) =>
  new LimitExceeded({
    limit: "uploadBytesMax",
    bound,
    value,
    message: `One write brings at most ${bound} bytes; send more in several, or compressed.`,
  })

const full = (tenant: string, limit: MailboxFull["limit"], message: string) =>
  new MailboxFull({ mailbox: `${tenant}/spool`, limit, message, retryAfterMillis: retryMillisMax })

const readAt = (path: string, handle: FileHandle, offset: number, length: number) =>
  attempt(path, async (): Promise<Uint8Array> => {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, offset)
    return buffer.subarray(0, bytesRead)
  })

/** A name is on stable storage when its folder is. */
async function flushFolder(path: string): Promise<void> {
  const folder = await openFile(path, "r")
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function flushSync(path: string): void {
  const folder = openSync(path, "r")
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error
}

const attempt = <A>(path: string, work: () => Promise<A>): Effect.Effect<A, SpoolBroken> =>
  Effect.tryPromise({ try: work, catch: (error) => brokenBy(path, error) })

function brokenBy(path: string, error: unknown): SpoolBroken {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new DiskFull({ path, message: "The disk is full; nothing of the write was kept." })
  }
  return new StoreFailed({ store: "spool", message: `${path}: ${message}` })
}
