/**
 * The block: what travels through the log and is acknowledged (contracts §3). A block can be read
 * with nothing but its own bytes: a fixed header, then msgpack without shared structures.
 *
 * Layout, integers big-endian:
 *
 *     0  magic "IGBK"        4  format u8      5  codec u8       6  schemaVersion u16
 *     8  count u32          12  epoch u48     18  start u48     24  senderSequence u48
 *    30  previousHash 32    62  mappingDigest 32                94  sender length u16, sender UTF-8
 *    then the body: [source, runEpoch, runCount, file, records], a record being
 *    [ordinal, offset, key, version, op, bytes, fault]
 *
 * A block once offered never changes; its identity is (sender, incarnation, partition,
 * senderSequence) and `hashBlock` of its bytes is what the sender's next block names as
 * `previousHash`.
 */
import { hash } from "node:crypto"
import { BlockWriter } from "./block-body.ts"
import { readBody } from "./block-body-reader.ts"
import { InvariantBroken, invariant } from "./errors.ts"
import type { Run, SourceEvent } from "./event.ts"
import { blockEventsMax, hashKeptBytesMin } from "./limits.ts"

export const blockFormat = 1
export const blockSchemaVersion = 1
const codecMsgpack = 1
const magic = 0x49_47_42_4b
const senderAt = 94

/** Life of a sender: the epoch of its shard, and the count of its starts under that epoch. */
export interface Incarnation {
  readonly epoch: number
  readonly start: number
}

export interface BlockHeader {
  readonly schemaVersion: number
  readonly count: number
  /** Address of the sender as `tenant/kind/key`. */
  readonly sender: string
  readonly incarnation: Incarnation
  /** 1 for the first block of an incarnation to this partition, then without a gap. */
  readonly senderSequence: number
  /** SHA-256 of the block before, 32 zero bytes for the first. */
  readonly previousHash: Uint8Array
  /** SHA-256 of the recipe by which the records are to be read. */
  readonly mappingDigest: Uint8Array
}

export interface BlockBody {
  readonly source: string
  readonly run: Run
  /** Name of the file, for people; empty where there is none. */
  readonly file: string
  readonly events: readonly SourceEvent[]
}

export interface Block extends BlockBody {
  readonly header: BlockHeader
}

export const noHash: Uint8Array = new Uint8Array(32)

/**
 * A sender asks for a block's hash, and so does its log: a large block's is kept with its bytes,
 * and of small ones that of the last.
 */
export function hashBlock(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength < hashKeptBytesMin) {
    if (bytes !== lastBytes) {
      lastHash = hash("sha256", bytes, "buffer")
      lastBytes = bytes
    }
    return lastHash
  }
  const known = hashes.get(bytes)
  if (known !== undefined) return known
  const made = hash("sha256", bytes, "buffer")
  hashes.set(bytes, made)
  return made
}

/** The same as text, a character for each byte: lighter to keep by the thousand, and to compare. */
export function hashText(bytes: Uint8Array): string {
  if (bytes !== lastBytes && bytes.byteLength < hashKeptBytesMin) {
    return hash("sha256", bytes, "latin1")
  }
  return textOfHash(hashBlock(bytes))
}

export const textOfHash = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString("latin1")

let lastBytes: Uint8Array | undefined
let lastHash = noHash
const hashes = new WeakMap<Uint8Array, Uint8Array>()

const writer = new BlockWriter()

/** The block's bytes, in memory of their own (never a view into a shared pool). */
export function encodeBlock(header: Omit<BlockHeader, "count" | "schemaVersion">, body: BlockBody) {
  const count = body.events.length
  invariant(count > 0 && count <= blockEventsMax, `A block has 1 to ${blockEventsMax} events.`)
  const sender = Buffer.from(header.sender, "utf8")
  const bytes = writer.begin(senderAt + 2 + sender.length)
  bytes.writeUInt32BE(magic, 0)
  bytes.writeUInt8(blockFormat, 4)
  bytes.writeUInt8(codecMsgpack, 5)
  bytes.writeUInt16BE(blockSchemaVersion, 6)
  bytes.writeUInt32BE(count, 8)
  bytes.writeUIntBE(header.incarnation.epoch, 12, 6)
  bytes.writeUIntBE(header.incarnation.start, 18, 6)
  bytes.writeUIntBE(header.senderSequence, 24, 6)
  bytes.set(header.previousHash, 30)
  bytes.set(header.mappingDigest, 62)
  bytes.writeUInt16BE(sender.length, senderAt)
  bytes.set(sender, senderAt + 2)
  const { source, run, file, events } = body
  writer.body({ source, runEpoch: run.epoch, runCount: run.count, file, events })
  return writer.taken()
}

/** Reads only the header: what a log needs to know of a block. */
export function decodeHeader(block: Uint8Array): BlockHeader {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength)
  if (bytes.length < senderAt + 2 || bytes.readUInt32BE(0) !== magic) {
    throw new InvariantBroken({ message: "These bytes are no block." })
  }
  const [format, codec] = [bytes.readUInt8(4), bytes.readUInt8(5)]
  const schemaVersion = bytes.readUInt16BE(6)
  if (format > blockFormat || codec !== codecMsgpack || schemaVersion > blockSchemaVersion) {
    throw new InvariantBroken({
      message:
        `A block of format ${format}, codec ${codec}, schema ${schemaVersion} is newer than this ` +
        `program, which reads up to format ${blockFormat}, schema ${blockSchemaVersion}.`,
    })
  }
  const senderLength = bytes.readUInt16BE(senderAt)
  return {
    schemaVersion,
    count: bytes.readUInt32BE(8),
    sender: bytes.toString("utf8", senderAt + 2, senderAt + 2 + senderLength),
    incarnation: { epoch: bytes.readUIntBE(12, 6), start: bytes.readUIntBE(18, 6) },
    senderSequence: bytes.readUIntBE(24, 6),
    previousHash: bytes.subarray(30, 62),
    mappingDigest: bytes.subarray(62, 94),
  }
}

export function decodeBlock(bytes: Uint8Array): Block {
  const header = decodeHeader(bytes)
  const at = senderAt + 2 + Buffer.byteLength(header.sender, "utf8")
  const { source, runEpoch, runCount, file, events } = readBody(bytes.subarray(at))
  invariant(events.length === header.count, "A block holds as many events as its header says.")
  return { header, source, run: { epoch: runEpoch, count: runCount }, file, events }
}
