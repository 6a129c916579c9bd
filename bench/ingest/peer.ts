/**
 * The peer of the ingest bench: one thread that reads the same file, parses, builds the same rows
 * by plain functions and writes them by prepared statements into the same schema with the same
 * PRAGMAs. No log, no tenants, no duplicates to look for: what remains when everything else is left
 * out.
 *
 *     node bench/ingest/peer.ts FILE DATABASE RECORDS_PER_TRANSACTION
 */
import { hash } from "node:crypto"
import { closeSync, openSync, readSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { schemaSql, writerPragmas } from "../../stores/index.ts"

interface Row {
  readonly id: string
  readonly vendor: string
  readonly product: string
  readonly severity: string
  readonly score: number
  readonly modified: string
  readonly summary: string
  readonly exploited: boolean
}

const [file = "", database = "", perTransaction = "4096"] = process.argv.slice(2)
const [tenant, source, type] = [1, 1, 1]
const firstNode = tenant * 2 ** 36
const chunkBytes = 1 << 20

const db = new DatabaseSync(database)
for (const pragma of writerPragmas) db.exec(pragma)
db.exec(schemaSql)
const insertRecord = db.prepare(
  `INSERT INTO record (id, tenant, source, key, run_epoch, run_count, ordinal, version, hash, refs)
   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
)
const insertNode = db.prepare(
  `INSERT INTO node (id, tenant, type, key, asserted, properties, aliases)
   VALUES (?, ?, ?, ?, ?, ?, ?)`,
)
const insertAssertion = db.prepare(
  "INSERT INTO assertion (node, record, tenant, properties, aliases) VALUES (?, ?, ?, ?, ?)",
)
const insertText = db.prepare("INSERT INTO search (rowid, text) VALUES (?, ?)")

const started = performance.now()
const size = Number(perTransaction)
let records = 0
db.exec("BEGIN")
for (const line of linesOf(file)) {
  write(line, records++)
  if (records % size === 0) db.exec("COMMIT; BEGIN")
}
db.exec("COMMIT")
const seconds = (performance.now() - started) / 1000
process.stdout.write(`${JSON.stringify({ seconds, records })}\n`)

function* linesOf(path: string): Generator<Buffer> {
  const input = openSync(path, "r")
  const chunk = Buffer.alloc(chunkBytes)
  let rest = Buffer.alloc(0)
  for (let read = readSync(input, chunk); read > 0; read = readSync(input, chunk)) {
    const bytes = Buffer.concat([rest, chunk.subarray(0, read)])
    let from = 0
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      yield bytes.subarray(from, end)
      from = end + 1
    }
    rest = bytes.subarray(from)
  }
  closeSync(input)
}

function write(line: Buffer, ordinal: number): void {
  const row = JSON.parse(line.toString("utf8")) as Row
  const { id, vendor, product, severity, score, modified, summary, exploited } = row
  const properties = JSON.stringify({
    exploited,
    modified,
    product,
    score,
    severity,
    summary,
    vendor,
  })
  const node = firstNode + ordinal + 1
  const version = Date.parse(modified) * 1000
  const bytes = hash("sha256", line, "buffer")
  const text = `${vendor}\n${product}\n${severity}\n${modified}\n${summary}\n`
  insertRecord.run(ordinal + 1, tenant, source, id, 1, 1, ordinal, version, bytes, `${node}/`)
  insertNode.run(node, tenant, type, id, 1, properties, "[]")
  insertAssertion.run(node, ordinal + 1, tenant, null, null)
  insertText.run(node, `${text}\uE000${type}`)
}
