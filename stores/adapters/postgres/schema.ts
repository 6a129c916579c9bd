/**
 * The tables of the Postgres store; they are those of `graph.db`, and mean the same.
 *
 * - Everything is in one schema, whose format and feed are in `meta`.
 * - A text is compared by its bytes (`COLLATE "C"`), as everywhere in the graph.
 * - `tenant` is locked by whoever writes for it, so that one writer at a time gives revisions and
 *   numbers of nodes; other numbers are taken from `numbers`, many at once.
 * - A word of `search` begins with its tenant's number, so that a search sees its own words only.
 *
 * A format is raised by a step in `migrations`; a newer one is refused by name.
 */
import { DataDirectoryRefused } from "../../../protocols/errors.ts"
import { postgresNumbersTaken } from "../../../protocols/limits.ts"
import { type PostgresAddress, placeOf, type Sql } from "./connection.ts"

export const postgresFormat = 1

const text = 'text COLLATE "C" NOT NULL'

const graphSql = `
CREATE TABLE tenant (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name ${text} UNIQUE);
CREATE TABLE source (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant integer NOT NULL, name ${text},
  priority double precision NOT NULL DEFAULT 0, UNIQUE (tenant, name)
);
CREATE TABLE type (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant integer NOT NULL, name ${text},
  UNIQUE (tenant, name)
);
CREATE SEQUENCE numbers INCREMENT BY ${postgresNumbersTaken} START WITH 0 MINVALUE 0;

CREATE TABLE guard (shard integer PRIMARY KEY, epoch bigint NOT NULL);
CREATE TABLE cursor (
  tenant integer NOT NULL, partition integer NOT NULL, sequence bigint NOT NULL,
  epoch bigint NOT NULL, PRIMARY KEY (tenant, partition)
);
CREATE TABLE run (
  tenant integer NOT NULL, source integer NOT NULL, epoch bigint NOT NULL, count bigint NOT NULL,
  read bigint NOT NULL, accepted bigint NOT NULL, duplicates bigint NOT NULL,
  stale bigint NOT NULL, replayed bigint NOT NULL, refused bigint NOT NULL,
  dead_lettered bigint NOT NULL, PRIMARY KEY (tenant, source, epoch, count)
);
CREATE TABLE tally (
  tenant integer NOT NULL, what text NOT NULL, of bigint NOT NULL, count bigint NOT NULL,
  PRIMARY KEY (tenant, what, of)
);

CREATE TABLE record (
  id bigint PRIMARY KEY, tenant integer NOT NULL, source integer NOT NULL, key ${text},
  run_epoch bigint NOT NULL, run_count bigint NOT NULL, ordinal bigint NOT NULL,
  version bigint, hash bytea NOT NULL, refs text NOT NULL
);
CREATE UNIQUE INDEX record_key ON record (tenant, source, key);

CREATE TABLE node (
  id bigint PRIMARY KEY, tenant integer NOT NULL, type integer NOT NULL, key ${text},
  asserted integer NOT NULL, properties text NOT NULL, aliases ${text}, revision bigint NOT NULL
);
CREATE UNIQUE INDEX node_key ON node (tenant, type, key);
CREATE INDEX node_stub ON node (tenant) WHERE asserted = 0;
CREATE INDEX node_merged ON node (tenant) WHERE asserted > 1;
CREATE TABLE assertion (
  node bigint NOT NULL, record bigint NOT NULL, tenant integer NOT NULL,
  properties text, aliases text COLLATE "C", PRIMARY KEY (node, record)
);
CREATE TABLE search (
  node bigint PRIMARY KEY, tenant integer NOT NULL, words tsvector NOT NULL
);
CREATE INDEX search_words ON search USING gin (words);

CREATE TABLE alias (
  id bigint PRIMARY KEY, tenant integer NOT NULL, type integer NOT NULL, scheme ${text},
  value ${text}, node bigint, claims integer NOT NULL, UNIQUE (tenant, type, scheme, value)
);
CREATE TABLE claim (
  alias bigint NOT NULL, node bigint NOT NULL, tenant integer NOT NULL, PRIMARY KEY (alias, node)
);

CREATE TABLE edge (
  id bigint PRIMARY KEY, tenant integer NOT NULL, type integer NOT NULL,
  from_node bigint NOT NULL, to_node bigint NOT NULL, discriminator ${text},
  derived integer NOT NULL, links integer NOT NULL, properties text NOT NULL
);
CREATE UNIQUE INDEX edge_out ON edge (from_node, type, to_node, discriminator);
CREATE INDEX edge_in ON edge (to_node, type, from_node);
CREATE INDEX edge_merged ON edge (tenant) WHERE links > 1;
CREATE TABLE link (
  id bigint PRIMARY KEY, tenant integer NOT NULL, record bigint NOT NULL, type integer NOT NULL,
  from_node bigint, from_alias bigint, to_node bigint, to_alias bigint,
  discriminator ${text}, derived integer NOT NULL, edge bigint, properties text
);
CREATE INDEX link_edge ON link (edge);
CREATE INDEX link_from ON link (from_alias) WHERE from_alias IS NOT NULL;
CREATE INDEX link_to ON link (to_alias) WHERE to_alias IS NOT NULL;

CREATE TABLE dead_letter (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant integer NOT NULL,
  source integer NOT NULL, run_epoch bigint NOT NULL, run_count bigint NOT NULL,
  ordinal bigint NOT NULL, record_key ${text}, file ${text}, "offset" bigint NOT NULL,
  length bigint NOT NULL, reason ${text}, detail ${text}, fingerprint ${text},
  bytes bytea NOT NULL, UNIQUE (tenant, source, run_epoch, run_count, ordinal)
);
CREATE INDEX dead_letter_order ON dead_letter (tenant, id);

CREATE TABLE feed (
  tenant integer PRIMARY KEY, revision bigint NOT NULL, node bigint NOT NULL,
  changes bigint NOT NULL, sequences text NOT NULL
);
CREATE TABLE change (
  tenant integer NOT NULL, last bigint NOT NULL, first bigint NOT NULL,
  revision bigint NOT NULL, at bigint NOT NULL, sequences text NOT NULL, entries text NOT NULL,
  PRIMARY KEY (tenant, last)
);
CREATE TABLE gone (
  node bigint PRIMARY KEY, tenant integer NOT NULL, revision bigint NOT NULL, key ${text}
);
CREATE INDEX gone_order ON gone (tenant, revision);
INSERT INTO meta (name, value)
VALUES ('feed', substr(md5(random()::text || clock_timestamp()::text), 1, 16));
`

/** SQL that raises a schema of format n to n + 1, at index n. */
const migrations: readonly string[] = [graphSql]

/** Brings the schema to `postgresFormat`, alone; makes it where there is none. */
export async function migrate(sql: Sql, address: PostgresAddress): Promise<void> {
  await sql.run("BEGIN")
  // Two nodes may open a new store at once: the second one finds what the first has made.
  await sql.rows("SELECT pg_advisory_xact_lock(hashtext($1))", `intelgraph ${address.schema}`)
  await sql.run(`CREATE SCHEMA IF NOT EXISTS ${address.schema}`)
  await sql.run(`CREATE TABLE IF NOT EXISTS meta (name text PRIMARY KEY, ${`value ${text}`})`)
  const row = await sql.row<[string]>("SELECT value FROM meta WHERE name = 'format'")
  const format = Number(row?.[0] ?? 0)
  if (format > postgresFormat) throw newerFormat(address, format)
  for (const step of migrations.slice(format)) await sql.run(step)
  await sql.rows(
    `INSERT INTO meta (name, value) VALUES ('format', $1)
     ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    String(postgresFormat),
  )
  await sql.run("COMMIT")
}

function newerFormat(address: PostgresAddress, format: number) {
  const path = placeOf(address)
  const message =
    `The graph store (${path}) has format ${format}; this program reads up to ` +
    `${postgresFormat}. Use the program that wrote it, or a newer one.`
  return new DataDirectoryRefused({ path, reason: "newer-format", message })
}
