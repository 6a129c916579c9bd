/**
 * What is known of a sender's chain of blocks to one partition, and what a block comes to beside it
 * (contracts §6). Pure; kept in memory, and stored before a block of the chain is acknowledged, so
 * that a block's id is known after the block itself is gone.
 */
import { type BlockHeader, hashText, noHash, textOfHash } from "../../../protocols/block.ts"
import { InvariantBroken } from "../../../protocols/errors.ts"
import { chainReceiptsMax } from "../../../protocols/limits.ts"

/** One block that the log has, or had. */
export interface ChainLink {
  readonly senderSequence: number
  /** Its place in the log. */
  readonly sequence: number
  /** As `hashText` makes it. */
  readonly hash: string
}

/** The newest links of a chain, the last one last; empty before the first block. */
export type Chain = readonly ChainLink[]

export type ChainAnswer =
  /** The block that comes next. */
  | { readonly kind: "next" }
  | { readonly kind: "repeat"; readonly sequence: number }
  /** It came so long ago that only its being there is known. */
  | { readonly kind: "forgotten" }
  /** Not what its id stood for, or not what follows. */
  | { readonly kind: "broken"; readonly message: string }
  | { readonly kind: "gap"; readonly message: string }

export const linkOf = (header: BlockHeader, block: Uint8Array, sequence: number): ChainLink => ({
  senderSequence: header.senderSequence,
  sequence,
  hash: hashText(block),
})

export function answerOf(chain: Chain, header: BlockHeader, block: Uint8Array): ChainAnswer {
  const last = chain.at(-1)
  const known = last?.senderSequence ?? 0
  const { sender, senderSequence } = header
  if (senderSequence > known + 1 || senderSequence < 1) {
    const message = `Block ${senderSequence} of ${sender} came, and the last known was ${known}.`
    return { kind: "gap", message }
  }
  if (senderSequence === known + 1) {
    if (textOfHash(header.previousHash) === (last?.hash ?? none)) return { kind: "next" }
    const message = `Block ${senderSequence} of ${sender} does not follow its chain.`
    return { kind: "broken", message }
  }
  const link = chain.find((one) => one.senderSequence === senderSequence)
  if (link === undefined) return { kind: "forgotten" }
  if (link.hash === hashText(block)) return { kind: "repeat", sequence: link.sequence }
  const message = `Block ${senderSequence} of ${sender} came before with other bytes.`
  return { kind: "broken", message }
}

/** With this block, of which the log may hold a second copy: the first is its place. */
export function withLink(chain: Chain, link: ChainLink): Chain {
  if (link.senderSequence > (chain.at(-1)?.senderSequence ?? 0)) {
    return [...chain.slice(1 - chainReceiptsMax), link]
  }
  const at = chain.findIndex((one) => one.senderSequence === link.senderSequence)
  const known = chain[at]
  if (known !== undefined && known.sequence <= link.sequence) return chain
  const links = known === undefined ? [...chain, link] : chain.with(at, link)
  return links.toSorted((a, b) => a.senderSequence - b.senderSequence).slice(-chainReceiptsMax)
}

/** What both know together. */
export const joined = (a: Chain, b: Chain): Chain => b.reduce(withLink, a)

const format = 1
const headBytes = 1 + 6 + 1
const linkBytes = 6 + 6 + 32

/** Layout: format u8, tail u48, count u8, then for each link two u48 and its hash. */
export function encodeChain(chain: Chain, tail: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(headBytes + chain.length * linkBytes)
  bytes[0] = format
  writeU48(bytes, 1, tail)
  bytes[7] = chain.length
  let at = headBytes
  for (const { senderSequence, sequence, hash } of chain) {
    writeU48(bytes, at, senderSequence)
    writeU48(bytes, at + 6, sequence)
    bytes.write(hash, at + 12, "latin1")
    at += linkBytes
  }
  return bytes
}

function writeU48(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / 2 ** 32)
  bytes[at] = high >>> 8
  bytes[at + 1] = high
  bytes[at + 2] = value >>> 24
  bytes[at + 3] = value >>> 16
  bytes[at + 4] = value >>> 8
  bytes[at + 5] = value
}

/** The chain, and the last place of its partition that its reader had seen. */
export function decodeChain(of: Uint8Array): { readonly chain: Chain; readonly tail: number } {
  const bytes = Buffer.from(of.buffer, of.byteOffset, of.byteLength)
  const count = bytes.length < headBytes ? -1 : bytes.readUInt8(7)
  if (bytes[0] !== format || bytes.length !== headBytes + count * linkBytes) {
    throw new InvariantBroken({ message: "The record of a sender is not one that is known." })
  }
  const chain = Array.from({ length: count }, (_, i): ChainLink => {
    const at = headBytes + i * linkBytes
    return {
      senderSequence: bytes.readUIntBE(at, 6),
      sequence: bytes.readUIntBE(at + 6, 6),
      hash: bytes.toString("latin1", at + 12, at + 44),
    }
  })
  return { chain, tail: bytes.readUIntBE(1, 6) }
}

const none = textOfHash(noHash)
