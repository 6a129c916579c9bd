/**
 * Gives cut records their key and version (contracts §3). STIX: id, and modified or created. A
 * mapping: `record.key` and `record.version`. Otherwise the SHA-256 of the bytes. A retraction is
 * its key. A record whose key cannot be found is rejected, under a key of its own.
 */
import { hash } from "node:crypto"
import type { Json } from "../../protocols/canonical.ts"
import type { Fault, SourceEvent } from "../../protocols/event.ts"
import { deadLetterBytesMax } from "../../protocols/limits.ts"
import type { Instant } from "../../protocols/units.ts"
import { recordKeyBy, versionBy } from "../mapping/apply.ts"
import { readOne } from "../mapping/path.ts"
import type { RecordPlan } from "../mapping/plan.ts"
import { checkKey, Rejection } from "../mapping/values.ts"
import { planOfRecipe, readRecord } from "../pipeline/read-record.ts"
import type { Recipe } from "../source.ts"
import { checkStix, versionOfStix } from "../stix/identity.ts"
import type { Cut } from "./cut.ts"

interface Identity {
  readonly recordKey: string
  readonly version: Instant | undefined
}

/** Makes the function that turns cuts into events, for one recipe. */
export function identifierOf(recipe: Recipe): (cut: Cut) => SourceEvent {
  const identify = identityOf(recipe)
  return (cut) => {
    if (cut.fault !== undefined) return rejected(cut, cut.fault, cut.fault.lengthBytes)
    try {
      const { recordKey, version } = identify(cut)
      const { ordinal, offset } = cut
      const place = { ordinal, offset, recordKey, version, fault: undefined }
      if (recipe.format !== "retract") return { ...place, op: "assert", bytes: cut.bytes }
      // One text for one key, however it was escaped: its hash tells a second retraction.
      return { ...place, op: "retract", bytes: Buffer.from(JSON.stringify(recordKey), "utf8") }
    } catch (thrown) {
      if (!(thrown instanceof Rejection)) throw thrown
      return rejected(cut, thrown.fault, cut.bytes.length)
    }
  }
}

function rejected(cut: Cut, { reason, detail }: Fault, lengthBytes: number): SourceEvent {
  return {
    ordinal: cut.ordinal,
    offset: cut.offset,
    recordKey: `!${cut.ordinal}`,
    version: undefined,
    op: "reject",
    bytes: cut.bytes.subarray(0, deadLetterBytesMax),
    fault: { reason, detail, lengthBytes },
  }
}

function identityOf(recipe: Recipe): (cut: Cut) => Identity {
  if (recipe.format === "stix") {
    return (cut) =>
      readRecord(cut.bytes, recipe, (record) => {
        const { id, members } = checkStix(record)
        return { recordKey: id, version: versionOfStix(members) }
      })
  }
  if (recipe.format === "retract") {
    return (cut) => ({ recordKey: readRecord(cut.bytes, recipe, retracted), version: undefined })
  }
  const plan = planOfRecipe(recipe)?.record ?? { key: "bytes", version: undefined }
  if (typeof plan.key === "string" && plan.version === undefined) {
    return (cut) => ({ recordKey: keyWithoutRecord(plan.key, cut), version: undefined })
  }
  return (cut) => readRecord(cut.bytes, recipe, (record) => identityBy(plan, cut, record))
}

function retracted(record: Json): string {
  if (typeof record === "string" && record !== "") return checkKey("record's key", record)
  throw new Rejection("missing-key", "It is no record key: a JSON text that is not empty.")
}

const keyWithoutRecord = (key: RecordPlan["key"], cut: Cut): string =>
  key === "ordinal" ? `#${cut.ordinal}` : hash("sha256", cut.bytes, "hex")

function identityBy(plan: RecordPlan, cut: Cut, record: Json): Identity {
  const { key, version } = plan
  return {
    recordKey: typeof key === "string" ? keyWithoutRecord(key, cut) : recordKeyBy(key, record),
    version: version && versionBy(version.text, readOne(version.steps, record)),
  }
}
