/**
 * The layout of `graph.db`.
 *
 * - Every row carries its tenant, and every statement of the writer and the reads names one.
 * - Texts that repeat (tenants, sources, types) stand once; everything else points to them by
 *   integer.
 * - `node` and `edge` are what is visible, `assertion` and `link` what each record says of them.
 *   Where a single record says anything (nearly always), its properties stand in the visible row
 *   alone and are null in the other.
 * - Ids of nodes begin with the tenant's number, so that a range of the text index is one tenant's;
 *   none is given twice, so that a change may name its entity by it.
 * - `change` has one row per transaction and tenant, in order; `gone` has the keys of entities that
 *   kept changes name and that are not there any more.
 *
 * A format is raised by a step in `migrations`; a file of a newer format is refused by name.
 */
import type { DatabaseSync } from "node:sqlite"
import { DataDirectoryRefused } from "../../../protocols/errors.ts"
import {
  graphCacheKibibytes,
  graphCheckpointPages,
  graphWalBytesKept,
  storeBusyMillisMax,
} from "../../../protocols/limits.ts"

export const graphFormat = 2

/** The first with a change feed. */
export const feedFormat = 2

/** Settings of a writing connection, in the order in which they are to be given. */
export const writerPragmas: readonly string[] = [
  "PRAGMA journal_mode = WAL",
  "PRAGMA synchronous = FULL",
  `PRAGMA wal_autocheckpoint = ${graphCheckpointPages}`,
  `PRAGMA journal_size_limit = ${graphWalBytesKept}`,
  `PRAGMA cache_size = -${graphCacheKibibytes}`,
  `PRAGMA busy_timeout = ${storeBusyMillisMax}`,
  "PRAGMA foreign_keys = OFF",
]

export const readerPragmas: readonly string[] = [
  `PRAGMA busy_timeout = ${storeBusyMillisMax}`,
  "PRAGMA query_only = ON",
]

const graphSql = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;

CREATE TABLE tenant (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE source (
  id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, name TEXT NOT NULL,
  priority REAL NOT NULL DEFAULT 0, UNIQUE (tenant, name)
);
CREATE TABLE type (
  id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, name TEXT NOT NULL, UNIQUE (tenant, name)
);

CREATE TABLE guard (shard INTEGER PRIMARY KEY, epoch INTEGER NOT NULL);
CREATE TABLE cursor (
  tenant INTEGER NOT NULL, partition INTEGER NOT NULL, sequence INTEGER NOT NULL,
  epoch INTEGER NOT NULL, PRIMARY KEY (tenant, partition)
) WITHOUT ROWID;
CREATE TABLE run (
  tenant INTEGER NOT NULL, source INTEGER NOT NULL, epoch INTEGER NOT NULL, count INTEGER NOT NULL,
  read INTEGER NOT NULL, accepted INTEGER NOT NULL, duplicates INTEGER NOT NULL,
  stale INTEGER NOT NULL, replayed INTEGER NOT NULL, refused INTEGER NOT NULL,
  dead_lettered INTEGER NOT NULL, PRIMARY KEY (tenant, source, epoch, count)
) WITHOUT ROWID;
CREATE TABLE tally (
  tenant INTEGER NOT NULL, what TEXT NOT NULL, of INTEGER NOT NULL, count INTEGER NOT NULL,
  PRIMARY KEY (tenant, what, of)
) WITHOUT ROWID;

CREATE TABLE record (
  id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, source INTEGER NOT NULL, key TEXT NOT NULL,
  run_epoch INTEGER NOT NULL, run_count INTEGER NOT NULL, ordinal INTEGER NOT NULL,
  version INTEGER, hash BLOB NOT NULL, refs TEXT NOT NULL
);
CREATE UNIQUE INDEX record_key ON record (tenant, source, key);

CREATE TABLE node (
  id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, type INTEGER NOT NULL, key TEXT NOT NULL,
  asserted INTEGER NOT NULL, properties TEXT NOT NULL, aliases TEXT NOT NULL
);
CREATE UNIQUE INDEX node_key ON node (tenant, type, key);
CREATE INDEX node_stub ON node (tenant) WHERE asserted = 0;
CREATE INDEX node_merged ON node (tenant) WHERE asserted > 1;
CREATE TABLE assertion (
  node INTEGER NOT NULL, record INTEGER NOT NULL, tenant INTEGER NOT NULL,
  properties TEXT, aliases TEXT, PRIMARY KEY (node, record)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE search USING fts5 (
  text, content = '', contentless_delete = 1,
  tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TABLE alias (
  id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, type INTEGER NOT NULL, scheme TEXT NOT NULL,
  value TEXT NOT NULL, node INTEGER, claims INTEGER NOT NULL, UNIQUE (tenant, type, scheme, value)
);
CREATE TABLE claim (
  alias INTEGER NOT NULL, node INTEGER NOT NULL, tenant INTEGER NOT NULL,
  PRIMARY KEY (alias, node)
) WITHOUT ROWID;

CREATE TABLE edge (
  id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, type INTEGER NOT NULL,
  from_node INTEGER NOT NULL, to_node INTEGER NOT NULL, discriminator TEXT NOT NULL,
  derived INTEGER NOT NULL, links INTEGER NOT NULL, properties TEXT NOT NULL
);
CREATE UNIQUE INDEX edge_out ON edge (from_node, type, to_node, discriminator);
CREATE INDEX edge_in ON edge (to_node, type, from_node);
CREATE INDEX edge_merged ON edge (tenant) WHERE links > 1;
CREATE TABLE link (
  id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, record INTEGER NOT NULL, type INTEGER NOT NULL,
  from_node INTEGER, from_alias INTEGER, to_node INTEGER, to_alias INTEGER,
  discriminator TEXT NOT NULL, derived INTEGER NOT NULL, edge INTEGER, properties TEXT
);
CREATE INDEX link_edge ON link (edge);
CREATE INDEX link_from ON link (from_alias) WHERE from_alias IS NOT NULL;
CREATE INDEX link_to ON link (to_alias) WHERE to_alias IS NOT NULL;

CREATE TABLE dead_letter (
  id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, source INTEGER NOT NULL,
  run_epoch INTEGER NOT NULL, run_count INTEGER NOT NULL, ordinal INTEGER NOT NULL,
  record_key TEXT NOT NULL, file TEXT NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
  reason TEXT NOT NULL, detail TEXT NOT NULL, fingerprint TEXT NOT NULL, bytes BLOB NOT NULL,
  UNIQUE (tenant, source, run_epoch, run_count, ordinal)
);
CREATE INDEX dead_letter_order ON dead_letter (tenant);
`

/** The change feed, and its name: another one wherever a file of this kind is made. */
const feedSql = `
ALTER TABLE node ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
CREATE TABLE feed (
  tenant INTEGER PRIMARY KEY, revision INTEGER NOT NULL, node INTEGER NOT NULL,
  changes INTEGER NOT NULL, sequences TEXT NOT NULL
);
CREATE TABLE change (
  tenant INTEGER NOT NULL, last INTEGER NOT NULL, first INTEGER NOT NULL,
  revision INTEGER NOT NULL, at INTEGER NOT NULL, sequences TEXT NOT NULL, entries TEXT NOT NULL,
  PRIMARY KEY (tenant, last)
) WITHOUT ROWID;
CREATE TABLE gone (
  node INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, revision INTEGER NOT NULL, key TEXT NOT NULL
);
CREATE INDEX gone_order ON gone (tenant, revision);
INSERT INTO meta (name, value) VALUES ('feed', lower(hex(randomblob(8))));
`

/** The whole schema of `graphFormat`. */
export const schemaSql = `${graphSql}${feedSql}`

/** SQL that raises a file of format n to n + 1, at index n. Format 0 is an empty file. */
const migrations: readonly string[] = [graphSql, feedSql]

/** Brings the open file to `graphFormat`, step by step; each step is one transaction. */
export function migrate(db: DatabaseSync, path: string): void {
  for (let format = formatOf(db, path); format < graphFormat; format++) {
    db.exec(`BEGIN IMMEDIATE; ${migrations[format]} PRAGMA user_version = ${format + 1}; COMMIT;`)
  }
}

/** Refuses a file of a newer format; 0 is a file without a graph. */
export function formatOf(db: DatabaseSync, path: string): number {
  const format = Number(db.prepare("PRAGMA user_version").get()?.user_version)
  if (format <= graphFormat) return format
  throw new DataDirectoryRefused({
    path,
    reason: "newer-format",
    message:
      `The graph store ${path} has format ${format}; this program reads up to ${graphFormat}. ` +
      "Use the program that wrote it, or a newer one.",
  })
}
