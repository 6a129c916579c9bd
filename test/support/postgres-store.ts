/** Graph stores in the schemas of one Postgres server. */
import { hash } from "node:crypto"
import { openPostgresGraph, type PostgresOptions } from "../../stores/index.ts"

/** A schema for each path. */
export const schemaOf = (path: string): string => `g_${hash("sha256", path).slice(0, 20)}`

/** On a machine that is busy with tests a transaction may be silent for longer. */
const silentMillisMax = 30_000

export const openTestGraph = (url: string, path: string, more: Partial<PostgresOptions> = {}) =>
  openPostgresGraph({ url, schema: schemaOf(path), silentMillisMax, ...more })
