/**
 * Tells the client to let packed rows pass as they are.
 *
 * What is changed for this is within the client and none of its promises. So its packages have
 * exact versions (package.json), what is changed is looked at first, and rows that come to a client
 * that was not told, or whose chunks are put together otherwise, fail instead of being written as
 * something else.
 */
import * as bolt from "neo4j-driver-bolt-connection"
import { invariant } from "../../../protocols/errors.ts"
import { PackedRows } from "./packed-rows.ts"

/** What is behind the client's types; all its packers inherit that of version 1. */
interface Client {
  readonly packstream?: { readonly v1?: { readonly Packer?: { readonly prototype: Packer } } }
  readonly channel?: { readonly alloc?: (bytes: number) => ChannelBuffer }
}

interface Packer {
  packable(this: Packer, value: unknown, ...rest: unknown[]): () => void
  /** Where chunks of a connection are put together. */
  readonly _ch: Chunker
}

interface Chunker {
  /** Copies bytes into the chunk that is open. */
  readonly writeBytes: (bytes: ChannelBuffer) => void
  /** Closes the chunk that is open, and writes it. */
  readonly flush: () => void
  readonly _ch: { readonly write: (bytes: ChannelBuffer) => void }
}

interface ChannelBuffer {
  readonly constructor: new (bytes: Buffer) => ChannelBuffer
}

/** The client writes so many bytes at once; what is shorter leaves with what is around it. */
const copiedBytesMax = 1_400
/** Of a chunk's length. */
const headBytes = 2

let isTold = false

/** To all connections of this thread. */
export function passPackedRows(): void {
  if (isTold) return
  const { packstream, channel } = bolt as unknown as Client
  const prototype = packstream?.v1?.Packer?.prototype
  const alloc = channel?.alloc
  const packable = prototype?.packable
  invariant(
    prototype !== undefined && packable !== undefined && alloc !== undefined,
    "The client of Neo4j (neo4j-driver-bolt-connection) has another packer than that of 6.3.",
  )
  const ChannelBytes = alloc(0).constructor
  prototype.packable = function (value, ...rest) {
    if (!(value instanceof PackedRows)) return packable.call(this, value, ...rest)
    return () => {
      const { chunks } = value
      const [first, second] = chunks
      if (first !== undefined && second === undefined && first.length <= copiedBytesMax) {
        return this._ch.writeBytes(new ChannelBytes(first.subarray(headBytes)))
      }
      this._ch.flush()
      for (const chunk of chunks) this._ch._ch.write(new ChannelBytes(chunk))
    }
  }
  isTold = true
}
