/**
 * Who may ask (contracts §10): one per node, asked on every request and every socket.
 *
 *     control.authenticate(request.headers.authorization)  // Access, or undefined: 401
 *     control.authenticateToken(text)                      // of connection_init; undefined: 4401
 *     const stop = control.watch(access, () => socket.close(4401, "…"))   // when it ends; stop()
 *     control.audit({ access, action: "ingest", what: source, outcome: "done" })
 *
 * Promises: a token is found by its id and compared in constant time; one that is revoked or
 * expired is refused at once, and what watches it is told within `accessSweepMillis`. Until the
 * first token is made whoever asks without one is let in (open mode); from then on never again,
 * also when no good token is left and after a restart, and what was let in is told to end. Which
 * of unknown, wrong, expired and revoked a token is, nobody is told.
 * May fail beneath: the store; a token is then neither made nor revoked, and rows of audit that
 * could not be written are told to `onFault`. Changes of tokens are on stable storage when they
 * return; the newest rows of audit are not promised to outlive a power failure, and those of the
 * last `auditLingerMillis` not a kill.
 */
import {
  accessSweepMillis,
  auditLingerMillis,
  auditRowsPerWrite,
  auditWhatLengthMax,
  tokensMax,
} from "../../protocols/limits.ts"
import { type Access, openAccess } from "./access.ts"
import type { AuditRow, Deed } from "./audit.ts"
import { checkedGrant, everyTenant, type GrantRequest, makingRoom } from "./grant.ts"
import type { AccessStore, StoredToken } from "./records.ts"
import { digestOfToken, idOfToken, isTokenOf, newToken, tokenOfHeader } from "./token.ts"

export interface ControlOptions {
  readonly store: AccessStore
  /** Whose data the open mode answers with. */
  readonly openTenant: string
  readonly nowMillis?: () => number
  /** Told when rows of audit could not be kept. */
  readonly onFault?: (error: unknown) => void
}

/** A token as it stands, with the access that each request of it is given. */
interface Held {
  readonly token: StoredToken
  readonly access: Access
}

export interface Created {
  /** The token itself: told once, kept nowhere. */
  readonly text: string
  readonly token: StoredToken
}

/** Compared with where no token has the id, so that this takes as long. */
const nobodysDigest = digestOfToken("")

export class AccessControl {
  readonly #store: AccessStore
  readonly #nowMillis: () => number
  readonly #onFault: (error: unknown) => void
  readonly #open: Access
  readonly #held = new Map<string, Held>()
  readonly #watches = new Map<string, Set<() => void>>()
  readonly #rows: AuditRow[] = []
  #isOpen: boolean
  #sweeping: NodeJS.Timeout | undefined
  #writing: NodeJS.Timeout | undefined

  constructor({ store, openTenant, nowMillis = Date.now, onFault = ignore }: ControlOptions) {
    this.#store = store
    this.#nowMillis = nowMillis
    this.#onFault = onFault
    this.#open = openAccess(openTenant)
    this.#isOpen = !store.everMade()
    for (const token of store.tokens()) this.#hold(token)
  }

  /** No token was ever made: whoever reaches the node on loopback may ask. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** All that are kept, ended ones too; the newest first. */
  get tokens(): readonly StoredToken[] {
    return [...this.#held.values()]
      .map(({ token }) => token)
      .sort((a, b) => b.createdMillis - a.createdMillis || (a.id < b.id ? -1 : 1))
  }

  /**
   * By the header `Authorization`. What is sent must be good, in open mode too; there a request
   * without the header is let in.
   */
  authenticate(header: string | undefined): Access | undefined {
    if (header === undefined) return this.#isOpen ? this.#open : undefined
    const text = tokenOfHeader(header)
    return text === undefined ? undefined : this.authenticateToken(text)
  }

  authenticateToken(text: string): Access | undefined {
    const id = idOfToken(text)
    if (id === undefined) return undefined
    const held = this.#held.get(id)
    const isRight = isTokenOf(text, held?.token.digest ?? nobodysDigest)
    return held !== undefined && isRight && this.#isGood(held.token) ? held.access : undefined
  }

  /**
   * Calls `onEnd` once, when the access ends: revoked, expired, or open mode over. It must not
   * throw. Call what is returned when there is nothing left to end.
   */
  watch({ by }: Access, onEnd: () => void): () => void {
    const watching = this.#watches.get(by) ?? new Set()
    this.#watches.set(by, watching)
    watching.add(onEnd)
    this.#sweeping ??= setInterval(() => this.#sweep(), accessSweepMillis).unref()
    // The set stays until the next sweep: most who ask once ask again.
    return () => {
      watching.delete(onEnd)
    }
  }

  /** Whether an access that was given has ended since: revoked, expired, or open mode over. */
  isOver({ by }: Access): boolean {
    return this.#isOver(by)
  }

  /** Throws `Invalid`, `LimitExceeded` or `StoreFailed`; nothing is made then. */
  create(by: string, request: GrantRequest): Created {
    const nowMillis = this.#nowMillis()
    const { lastsMillis, ...grant } = checkedGrant(request)
    const { id, text } = newToken()
    const expiresMillis = nowMillis + lastsMillis
    const times = { createdMillis: nowMillis, expiresMillis, revokedMillis: undefined }
    const token: StoredToken = { id, ...grant, ...times, digest: digestOfToken(text) }
    const forgotten = this.#held.size < tokensMax ? [] : makingRoom(this.tokens, nowMillis)
    const what = `${id} ${grant.scopes.join(",")}`
    const row = this.#rowOf({
      access: { by, tenant: grant.tenant },
      action: "token create",
      what,
      outcome: "done",
    })
    this.#store.add(token, forgotten, row)
    for (const gone of forgotten) this.#held.delete(gone)
    this.#hold(token)
    this.#isOpen = false
    this.#sweep()
    return { text, token }
  }

  /** `undefined` where there is no such token; one that is revoked stays as it is. */
  revoke(by: string, id: string): StoredToken | undefined {
    const held = this.#held.get(id)
    if (held === undefined || held.token.revokedMillis !== undefined) return held?.token
    const token = { ...held.token, revokedMillis: this.#nowMillis() }
    const row = this.#rowOf({
      access: { by, tenant: token.tenant },
      action: "token revoke",
      what: id,
      outcome: "done",
    })
    this.#store.revoke(id, token.revokedMillis, row)
    this.#hold(token)
    this.#sweep()
    return token
  }

  /** Keeps who did what; written with others, at most `auditLingerMillis` later. */
  audit(deed: Deed): void {
    this.#rows.push(this.#rowOf(deed))
    if (this.#rows.length >= auditRowsPerWrite) this.flush()
    else this.#writing ??= setTimeout(() => this.flush(), auditLingerMillis).unref()
  }

  /** Writes what waits. */
  flush(): void {
    clearTimeout(this.#writing)
    this.#writing = undefined
    const rows = this.#rows.splice(0)
    if (rows.length === 0) return
    try {
      this.#store.write(rows)
    } catch (error) {
      this.#onFault(error)
    }
  }

  /** Writes what waits and ends its timers. */
  close(): void {
    this.flush()
    clearInterval(this.#sweeping)
    this.#sweeping = undefined
  }

  #hold(token: StoredToken): void {
    this.#held.set(token.id, { token, access: accessOf(token) })
  }

  #isGood({ revokedMillis, expiresMillis }: StoredToken): boolean {
    return revokedMillis === undefined && this.#nowMillis() < expiresMillis
  }

  #isOver(by: string): boolean {
    if (by === this.#open.by) return !this.#isOpen
    const held = this.#held.get(by)
    return held === undefined || !this.#isGood(held.token)
  }

  #sweep(): void {
    for (const [by, watching] of this.#watches) {
      if (watching.size > 0 && !this.#isOver(by)) continue
      this.#watches.delete(by)
      for (const onEnd of watching) onEnd()
    }
    if (this.#watches.size > 0) return
    clearInterval(this.#sweeping)
    this.#sweeping = undefined
  }

  #rowOf({ access, action, what, outcome }: Deed): AuditRow {
    return {
      atMillis: this.#nowMillis(),
      by: access.by,
      tenant: access.tenant ?? "*",
      action,
      what: what.slice(0, auditWhatLengthMax),
      outcome,
    }
  }
}

const accessOf = ({ id, tenant, scopes }: StoredToken): Access => ({
  tenant: tenant === everyTenant ? undefined : tenant,
  scopes: new Set(scopes),
  isOperator: tenant === everyTenant,
  by: id,
})

const ignore = () => undefined
