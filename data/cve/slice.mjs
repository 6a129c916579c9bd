/**
 * Cuts the CVE slice out of the full snapshot: every record that is also in CISA KEV, and every twelfth
 * record. The same inputs give the same records, in the snapshot's order, unchanged.
 *
 *     node data/cve/slice.mjs cve-2024.ndjson.gz known_exploited_vulnerabilities.json.gz OUT.ndjson.gz
 */
import { readFileSync, writeFileSync } from "node:fs"
import { constants, gunzipSync, gzipSync } from "node:zlib"

const everyNth = 12
const [snapshot, kev, out] = process.argv.slice(2)
if (out === undefined) {
  process.stderr.write("usage: node data/cve/slice.mjs SNAPSHOT.ndjson.gz KEV.json.gz OUT.ndjson.gz\n")
  process.exit(2)
}
const read = (file) => gunzipSync(readFileSync(file)).toString("utf8")
const exploited = new Set(JSON.parse(read(kev)).vulnerabilities.map((entry) => entry.cveID))
const lines = read(snapshot).split("\n").filter((line) => line !== "")
const idOf = (line) => JSON.parse(line).cveMetadata.cveId
const kept = lines.filter((line, i) => i % everyNth === 0 || exploited.has(idOf(line)))
const both = kept.filter((line) => exploited.has(idOf(line))).length
writeFileSync(out, gzipSync(`${kept.join("\n")}\n`, { level: constants.Z_BEST_COMPRESSION }))
process.stderr.write(`${kept.length} records, ${both} of them in KEV\n`)
