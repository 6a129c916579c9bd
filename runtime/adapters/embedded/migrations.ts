/**
 * What each format of the data directory added. A folder of any older format is brought forward,
 * step by step, each in one transaction; a program that does not know a format refuses it by name.
 *
 * Format 2 holds tokens. An older program would not ask for them and answer everybody, so it must
 * not open such a folder.
 */
import type { DatabaseSync } from "node:sqlite"

/** `migrations[n]` brings the folder's `meta.db` from format `n + 1` to the next. */
export type Migration = (meta: DatabaseSync) => void

const addAccess: Migration = (meta) =>
  meta.exec(`
    create table token(
      id text primary key,
      digest blob not null,
      tenant text not null,
      scopes text not null,
      label text not null,
      createdMillis integer not null,
      expiresMillis integer not null,
      revokedMillis integer
    ) strict, without rowid;
    create table audit(
      id integer primary key,
      atMillis integer not null,
      by text not null,
      tenant text not null,
      action text not null,
      what text not null,
      outcome text not null
    ) strict;
    create index auditByTenant on audit(tenant, outcome);
  `)

export const migrations: readonly Migration[] = [addAccess]
