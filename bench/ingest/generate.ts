/** CVE-like NDJSON of a given size, the same bytes each time: about 254 bytes a record. */
import { closeSync, openSync, writeSync } from "node:fs"

const vendors = ["acme", "globex", "initech", "umbrella", "hooli", "stark", "wayne", "tyrell"]
const products = ["gateway", "router", "browser", "kernel", "archive", "editor", "broker", "portal"]
const severities = ["LOW", "MEDIUM", "HIGH", "CRITICAL"]
const harm = "lets a remote attacker read files"
const flaws = ["buffer overflow", "path traversal", "use after free", "missing check", "injection"]

/** Writes at least `bytes` bytes of whole lines; how many records they are. */
export function generate(file: string, bytes: number): number {
  const out = openSync(file, "w")
  let written = 0
  let records = 0
  while (written < bytes) {
    let text = ""
    while (text.length < 1 << 20 && written + text.length < bytes) text += line(records++)
    written += writeSync(out, text)
  }
  closeSync(out)
  return records
}

function line(n: number): string {
  // A multiplicative hash spreads the words; no generator to seed.
  const mix = Math.imul(n + 1, 0x9e3779b1) >>> 0
  const pick = (list: readonly string[], shift: number) => list[(mix >>> shift) % list.length]
  const day = String(1 + (mix % 28)).padStart(2, "0")
  const month = String(1 + ((mix >>> 5) % 12)).padStart(2, "0")
  const record = {
    id: `CVE-2024-${String(n).padStart(7, "0")}`,
    vendor: pick(vendors, 3),
    product: pick(products, 7),
    severity: pick(severities, 11),
    score: (mix % 101) / 10,
    modified: `2024-${month}-${day}T00:00:00Z`,
    summary: `A ${pick(flaws, 13)} in ${pick(products, 7)} ${mix % 50}.${mix % 7} ${harm}`,
    exploited: (mix & 64) !== 0,
  }
  return `${JSON.stringify(record)}\n`
}

/** How the node reads these records; the peer does the same by hand. */
export const mappingYaml = `version: 1
record: {key: $.id, version: $.modified}
entities:
  - type: vulnerability
    key: $.id
    properties:
      vendor: $.vendor
      product: $.product
      severity: $.severity
      score: {path: $.score, as: number}
      modified: $.modified
      summary: $.summary
      exploited: {path: $.exploited, as: boolean}
`
