/**
 * Every statement of the writer. Each names the tenant, also where an id alone would find the row:
 * an id that strays from one tenant to another then finds nothing.
 */
import type { DatabaseSync } from "node:sqlite"
import type {
  AliasRow,
  EdgeRow,
  LinkRow,
  NodeRow,
  RankedRow,
  RecordRow,
  Rows,
} from "../../graph/write/rows.ts"
import { change, counted, query } from "./statement.ts"

export const statementsOf = (db: DatabaseSync): Rows => ({
  ...fenceStatements(db),
  ...nameStatements(db),
  ...recordStatements(db),
  ...nodeStatements(db),
  ...assertionStatements(db),
  ...searchStatements(db),
  ...aliasStatements(db),
  ...edgeStatements(db),
  ...linkStatements(db),
  ...feedStatements(db),
})

const fenceStatements = (db: DatabaseSync) => ({
  metaOf: query<[value: string]>(db, "SELECT value FROM meta WHERE name = ?"),
  insertMeta: change(db, "INSERT INTO meta (name, value) VALUES (?, ?)"),
  guardOf: query<[epoch: number]>(db, "SELECT epoch FROM guard WHERE shard = ?"),
  raiseGuard: counted(
    db,
    `INSERT INTO guard (shard, epoch) VALUES (?, ?)
     ON CONFLICT DO UPDATE SET epoch = excluded.epoch WHERE epoch <= excluded.epoch`,
  ),
  moveCursor: counted(
    db,
    `INSERT INTO cursor (tenant, partition, sequence, epoch) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET sequence = excluded.sequence, epoch = excluded.epoch
     WHERE sequence < excluded.sequence`,
  ),
  countRun: change(
    db,
    `INSERT INTO run (tenant, source, epoch, count, read, accepted, duplicates, stale, replayed,
       refused, dead_lettered) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET read = read + excluded.read, accepted = accepted + excluded.accepted,
       duplicates = duplicates + excluded.duplicates, stale = stale + excluded.stale,
       replayed = replayed + excluded.replayed, refused = refused + excluded.refused,
       dead_lettered = dead_lettered + excluded.dead_lettered`,
  ),
  addTally: change(
    db,
    `INSERT INTO tally (tenant, what, of, count) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET count = count + excluded.count`,
  ),
  tallyOf: query<[count: number]>(
    db,
    "SELECT count FROM tally WHERE tenant = ? AND what = ? AND of = ?",
  ),
})

const nameStatements = (db: DatabaseSync) => ({
  tenantByName: query<[id: number]>(db, "SELECT id FROM tenant WHERE name = ?"),
  insertTenant: query<[id: number]>(db, "INSERT INTO tenant (name) VALUES (?) RETURNING id"),
  sourceByName: query<[id: number, priority: number]>(
    db,
    "SELECT id, priority FROM source WHERE tenant = ? AND name = ?",
  ),
  insertSource: query<[id: number]>(
    db,
    "INSERT INTO source (tenant, name) VALUES (?, ?) RETURNING id",
  ),
  setPriority: change(db, "UPDATE source SET priority = ? WHERE tenant = ? AND id = ?"),
  typeByName: query<[id: number]>(db, "SELECT id FROM type WHERE tenant = ? AND name = ?"),
  insertType: query<[id: number]>(db, "INSERT INTO type (tenant, name) VALUES (?, ?) RETURNING id"),
})

const recordStatements = (db: DatabaseSync) => ({
  recordByKey: query<RecordRow>(
    db,
    `SELECT id, run_epoch, run_count, ordinal, version, hash, refs FROM record
     WHERE tenant = ? AND source = ? AND key = ?`,
  ),
  lastRecord: query<[id: number]>(db, "SELECT coalesce(max(id), 0) FROM record /* any tenant */"),
  insertRecord: change(
    db,
    `INSERT INTO record (id, tenant, source, key, run_epoch, run_count, ordinal, version, hash,
       refs) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  ),
  updateRecord: change(
    db,
    `UPDATE record SET run_epoch = ?, run_count = ?, ordinal = ?, version = ?, hash = ?, refs = ?
     WHERE id = ? AND tenant = ?`,
  ),
  moveRecord: change(
    db,
    "UPDATE record SET run_epoch = ?, run_count = ?, ordinal = ? WHERE id = ? AND tenant = ?",
  ),
  insertDeadLetter: counted(
    db,
    `INSERT OR IGNORE INTO dead_letter (tenant, source, run_epoch, run_count, ordinal, record_key,
       file, offset, length, reason, detail, fingerprint, bytes)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  ),
})

const nodeStatements = (db: DatabaseSync) => ({
  /** Answered from the index alone: the row itself is long. */
  nodeIdByKey: query<[id: number]>(
    db,
    "SELECT id FROM node WHERE tenant = ? AND type = ? AND key = ?",
  ),
  nodeByKey: query<NodeRow>(
    db,
    `SELECT id, type, asserted, properties, aliases, revision FROM node
     WHERE tenant = ? AND type = ? AND key = ?`,
  ),
  nodeById: query<NodeRow>(
    db,
    `SELECT id, type, asserted, properties, aliases, revision FROM node
     WHERE id = ? AND tenant = ?`,
  ),
  lastNode: query<[id: number]>(
    db,
    "SELECT id FROM node WHERE id BETWEEN ? AND ? AND tenant = ? ORDER BY id DESC LIMIT 1",
  ),
  insertNode: change(
    db,
    `INSERT INTO node (id, tenant, type, key, asserted, properties, aliases, revision)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  ),
  /** Looks for the key and inserts in one step: 0 where the key is taken. */
  insertNewNode: counted(
    db,
    `INSERT INTO node (id, tenant, type, key, asserted, properties, aliases, revision)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  ),
  updateNode: change(
    db,
    `UPDATE node SET asserted = ?, properties = ?, aliases = ?, revision = ?
     WHERE id = ? AND tenant = ?`,
  ),
  countNode: change(db, "UPDATE node SET asserted = asserted + ? WHERE id = ? AND tenant = ?"),
  deleteNode: change(db, "DELETE FROM node WHERE id = ? AND tenant = ?"),
})

const assertionStatements = (db: DatabaseSync) => ({
  insertAssertion: change(
    db,
    "INSERT INTO assertion (node, record, tenant, properties, aliases) VALUES (?, ?, ?, ?, ?)",
  ),
  updateAssertion: change(
    db,
    `UPDATE assertion SET properties = ?, aliases = ?
     WHERE node = ? AND record = ? AND tenant = ?`,
  ),
  deleteAssertion: change(db, "DELETE FROM assertion WHERE node = ? AND record = ? AND tenant = ?"),
  spellOutAssertion: change(
    db,
    `UPDATE assertion SET properties = ?, aliases = ?
     WHERE node = ? AND tenant = ? AND properties IS NULL`,
  ),
  assertionsOf: query<RankedRow>(
    db,
    `SELECT s.name, s.priority, r.key, r.version, a.properties, a.aliases, s.id, r.id
     FROM assertion a JOIN record r ON r.id = a.record AND r.tenant = a.tenant
     JOIN source s ON s.id = r.source WHERE a.node = ? AND a.tenant = ?`,
  ),
  sourcesOfNode: query<[source: number]>(
    db,
    `SELECT DISTINCT r.source FROM assertion a JOIN record r ON r.id = a.record
     WHERE a.node = ? AND a.tenant = ?`,
  ),
  mergedNodesOf: query<[id: number]>(
    db,
    `SELECT n.id FROM node n WHERE n.tenant = ? AND n.asserted > 1 AND EXISTS (
       SELECT 1 FROM assertion a JOIN record r ON r.id = a.record
       WHERE a.node = n.id AND r.source = ?)`,
  ),
})

const searchStatements = (db: DatabaseSync) => ({
  index: change(db, "INSERT INTO search (rowid, text) VALUES (?, ?) /* any tenant */"),
  reindex: change(db, "INSERT OR REPLACE INTO search (rowid, text) VALUES (?, ?) /* any tenant */"),
  unindex: change(db, "DELETE FROM search WHERE rowid = ? /* any tenant */"),
})

const aliasStatements = (db: DatabaseSync) => ({
  aliasByName: query<[id: number]>(
    db,
    "SELECT id FROM alias WHERE tenant = ? AND type = ? AND scheme = ? AND value = ?",
  ),
  lastAlias: query<[id: number]>(db, "SELECT coalesce(max(id), 0) FROM alias /* any tenant */"),
  insertAlias: change(
    db,
    `INSERT INTO alias (id, tenant, type, scheme, value, node, claims)
     VALUES (?, ?, ?, ?, ?, NULL, 0)`,
  ),
  aliasById: query<AliasRow>(
    db,
    "SELECT type, scheme, value, node, claims FROM alias WHERE id = ? AND tenant = ?",
  ),
  decideAlias: change(db, "UPDATE alias SET node = ?, claims = ? WHERE id = ? AND tenant = ?"),
  deleteAlias: change(db, "DELETE FROM alias WHERE id = ? AND tenant = ?"),
  insertClaim: change(db, "INSERT INTO claim (alias, node, tenant) VALUES (?, ?, ?)"),
  deleteClaim: change(db, "DELETE FROM claim WHERE alias = ? AND node = ? AND tenant = ?"),
  claimsOf: query<[count: number]>(db, "SELECT count(*) FROM claim WHERE alias = ? AND tenant = ?"),
  winnerOf: query<[node: number]>(
    db,
    `SELECT n.id FROM claim c JOIN node n ON n.id = c.node WHERE c.alias = ? AND c.tenant = ?
     ORDER BY coalesce(json_type(n.properties, '$.revoked'), '') = 'true', n.key LIMIT 1`,
  ),
  linksOfAlias: query<[id: number]>(
    db,
    `SELECT id FROM link WHERE from_alias = ?1 AND tenant = ?2
     UNION SELECT id FROM link WHERE to_alias = ?1 AND tenant = ?2`,
  ),
})

const edgeStatements = (db: DatabaseSync) => ({
  edgeByEnds: query<EdgeRow>(
    db,
    `SELECT id, type, from_node, to_node, derived, links, properties FROM edge
     WHERE from_node = ? AND type = ? AND to_node = ? AND discriminator = ? AND tenant = ?`,
  ),
  edgeById: query<EdgeRow>(
    db,
    `SELECT id, type, from_node, to_node, derived, links, properties FROM edge
     WHERE id = ? AND tenant = ?`,
  ),
  lastEdge: query<[id: number]>(db, "SELECT coalesce(max(id), 0) FROM edge /* any tenant */"),
  insertEdge: change(
    db,
    `INSERT INTO edge (id, tenant, type, from_node, to_node, discriminator, derived, links,
       properties) VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)`,
  ),
  updateEdge: change(db, "UPDATE edge SET derived = ?, properties = ? WHERE id = ? AND tenant = ?"),
  countEdge: change(db, "UPDATE edge SET links = links + ? WHERE id = ? AND tenant = ?"),
  deleteEdge: change(db, "DELETE FROM edge WHERE id = ? AND tenant = ?"),
  edgeAt: query<[one: number]>(
    db,
    `SELECT 1 FROM edge WHERE from_node = ?1 AND tenant = ?2
     UNION ALL SELECT 1 FROM edge WHERE to_node = ?1 AND tenant = ?2 LIMIT 1`,
  ),
  mergedEdgesOf: query<[id: number]>(
    db,
    `SELECT e.id FROM edge e WHERE e.tenant = ? AND e.links > 1 AND EXISTS (
       SELECT 1 FROM link l JOIN record r ON r.id = l.record WHERE l.edge = e.id AND r.source = ?)`,
  ),
})

const linkStatements = (db: DatabaseSync) => ({
  linkById: query<LinkRow>(
    db,
    `SELECT l.id, l.type, l.from_node, l.from_alias, l.to_node, l.to_alias, l.discriminator,
       l.derived, l.edge, l.properties, r.source
     FROM link l JOIN record r ON r.id = l.record WHERE l.id = ? AND l.tenant = ?`,
  ),
  lastLink: query<[id: number]>(db, "SELECT coalesce(max(id), 0) FROM link /* any tenant */"),
  insertLink: change(
    db,
    `INSERT INTO link (id, tenant, record, type, from_node, from_alias, to_node, to_alias,
       discriminator, derived, edge, properties)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  ),
  attachLink: change(db, "UPDATE link SET edge = ?, properties = ? WHERE id = ? AND tenant = ?"),
  setLinkText: change(db, "UPDATE link SET properties = ? WHERE id = ? AND tenant = ?"),
  spellOutLink: change(
    db,
    "UPDATE link SET properties = ? WHERE edge = ? AND tenant = ? AND properties IS NULL",
  ),
  deleteLink: change(db, "DELETE FROM link WHERE id = ? AND tenant = ?"),
  linksOf: query<RankedRow>(
    db,
    `SELECT s.name, s.priority, r.key, r.version, l.properties, l.derived, s.id, l.id
     FROM link l JOIN record r ON r.id = l.record AND r.tenant = l.tenant
     JOIN source s ON s.id = r.source WHERE l.edge = ? AND l.tenant = ?`,
  ),
  sourcesOfEdge: query<[source: number, derived: number]>(
    db,
    `SELECT r.source, min(l.derived) FROM link l JOIN record r ON r.id = l.record
     WHERE l.edge = ? AND l.tenant = ? GROUP BY r.source`,
  ),
})

const feedStatements = (db: DatabaseSync) => ({
  feedOf: query<[revision: number, node: number, changes: number, sequences: string]>(
    db,
    "SELECT revision, node, changes, sequences FROM feed WHERE tenant = ?",
  ),
  moveFeed: change(
    db,
    `INSERT INTO feed (tenant, revision, node, changes, sequences) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET revision = excluded.revision, node = excluded.node,
       changes = excluded.changes, sequences = excluded.sequences`,
  ),
  insertChanges: change(
    db,
    `INSERT INTO change (tenant, last, first, revision, at, sequences, entries)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  ),
  oldestChanges: query<[last: number, revision: number, at: number]>(
    db,
    "SELECT last, revision, at FROM change WHERE tenant = ? ORDER BY last LIMIT 1",
  ),
  deleteChanges: change(db, "DELETE FROM change WHERE tenant = ? AND last = ?"),
  keyOf: query<[key: string]>(db, "SELECT key FROM node WHERE id = ? AND tenant = ?"),
  keepGone: change(db, "INSERT INTO gone (node, tenant, revision, key) VALUES (?, ?, ?, ?)"),
  deleteGone: change(db, "DELETE FROM gone WHERE tenant = ? AND revision <= ?"),
})
