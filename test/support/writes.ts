/** Writes as the edge makes them, for tests of what becomes of them. */
import { readdirSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { expect } from "vitest"
import { readMapping } from "../../actors/mapping/document.ts"
import type { WriteReceipt } from "../../actors/receipt.ts"
import type { SourceFormat } from "../../actors/source.ts"
import type { WritesShape } from "../../actors/writes.ts"
import type { IntelGraphError } from "../../protocols/errors.ts"
import type { EmbeddedNode } from "./embedded-node.ts"
import { mapping } from "./node-world.ts"

export interface Written {
  readonly key: string
  readonly source?: string
  readonly tenant?: string
  readonly format?: SourceFormat
  readonly mapping?: string | null
  /** Each on a line. */
  readonly lines?: readonly unknown[]
  /** In their place. */
  readonly text?: string
  readonly bytes?: Uint8Array
}

/** A node, or as much of it as takes writes. */
interface Writing {
  readonly node: Pick<EmbeddedNode["node"], "writes">
}

export const writesOf = ({ node }: Writing): WritesShape => {
  if (node.writes === undefined) throw new Error("the node has no spool")
  return node.writes
}

export const thing = (n: number, said = "hello") => ({ id: `thing ${n}`, of: `p ${n % 7}`, said })
export const things = (count: number, said?: string) =>
  Array.from({ length: count }, (_, n) => thing(n, said))

/** Takes the lines, without waiting for what becomes of them. */
export const took = (running: Writing, written: Written) => {
  const { key, lines, tenant = "demo", source = "api", format = "ndjson" } = written
  const plain = written.text ?? lines?.map((line) => `${JSON.stringify(line)}\n`).join("") ?? ""
  const text = written.mapping === undefined && format !== "retract" ? mapping : written.mapping
  const writes = writesOf(running)
  return Effect.scoped(
    Effect.gen(function* () {
      const arriving = yield* writes.receive(tenant)
      yield* arriving.append(written.bytes ?? Buffer.from(plain))
      const request = {
        tenant,
        source,
        format,
        idempotencyKey: key,
        mapping: text == null ? undefined : readMapping(text),
        given: lines?.length,
      }
      yield* writes.take(request, arriving)
    }),
  )
}

export const wrote = (
  running: Writing,
  written: Written,
): Effect.Effect<WriteReceipt, IntelGraphError> =>
  Effect.andThen(took(running, written), receiptOf(running, written.key, written.tenant))

export const receiptOf = (
  running: Writing,
  key: string,
  tenant = "demo",
  waitMillis = 20_000,
): Effect.Effect<WriteReceipt, IntelGraphError> =>
  Effect.map(writesOf(running).receipt(tenant, key, waitMillis), (receipt) => {
    if (receipt === undefined) throw new Error(`there is no receipt for ${key}`)
    expect(receipt.given).toBe(receipt.read + receipt.pending)
    const { accepted, duplicates, refused, deadLettered } = receipt
    expect(receipt.read).toBe(accepted + duplicates + refused + deadLettered)
    return receipt
  })

/** Names of all files of the spool in a data directory. */
export const spooled = (dataDir: string): readonly string[] =>
  readdirSync(join(dataDir, "spool"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
