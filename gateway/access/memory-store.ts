/** Access of a node without a data directory: as durable as the process. */
import { auditRowsPerTrim } from "../../protocols/limits.ts"
import type { AuditRow } from "./audit.ts"
import type { AccessStore, StoredToken } from "./records.ts"

export function memoryAccessStore(): AccessStore {
  const tokens = new Map<string, StoredToken>()
  let rows: readonly AuditRow[] = []
  let everMade = false
  const write = (more: readonly AuditRow[]) => {
    rows = [...rows, ...more].slice(-auditRowsPerTrim)
  }
  return {
    everMade: () => everMade,
    tokens: () => [...tokens.values()],
    add: (token, forgotten, row) => {
      for (const id of forgotten) tokens.delete(id)
      tokens.set(token.id, token)
      everMade = true
      write([row])
    },
    revoke: (id, revokedMillis, row) => {
      const token = tokens.get(id)
      if (token !== undefined) tokens.set(id, { ...token, revokedMillis })
      write([row])
    },
    write,
  }
}
