/** What is kept of a token, and the port through which it is kept. */

import type { Scope } from "./access.ts"
import type { AuditRow } from "./audit.ts"

export interface TokenRecord {
  readonly id: string
  /** `*` for the node's operator. */
  readonly tenant: string
  readonly scopes: readonly Scope[]
  readonly label: string
  readonly createdMillis: number
  readonly expiresMillis: number
  readonly revokedMillis: number | undefined
}

export interface StoredToken extends TokenRecord {
  readonly digest: Uint8Array
}

/**
 * Keeps tokens and audit rows. Every call is one transaction on stable storage, asked for by one
 * process at a time; each may throw `StoreFailed`, and has then changed nothing.
 */
export interface AccessStore {
  /** Whether a token was ever made here, gone ones included. */
  readonly everMade: () => boolean
  readonly tokens: () => readonly StoredToken[]
  /** Adds one, and forgets those of the ids. From then on `everMade`. */
  readonly add: (token: StoredToken, forgotten: readonly string[], row: AuditRow) => void
  readonly revoke: (id: string, atMillis: number, row: AuditRow) => void
  /** Beyond `auditRowsMax` the oldest of the tenant and outcome that has most fall away. */
  readonly write: (rows: readonly AuditRow[]) => void
}
