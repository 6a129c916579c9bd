/** Packed rows as the client of Neo4j reads what a server sends. */
import * as bolt from "neo4j-driver-bolt-connection"
import type { PackedRows } from "../../stores/adapters/neo4j/packed-rows.ts"

interface Bytes {
  readonly constructor: new (bytes: Buffer) => Bytes
  readonly remaining: () => number
}

/** What the client's types leave out. */
export const client = bolt as unknown as {
  readonly channel: {
    readonly alloc: (bytes: number) => Bytes
    readonly Chunker: new (channel: { write: (bytes: unknown) => void }) => Chunker
    readonly Dechunker: new () => {
      onmessage: (message: Bytes) => void
      readonly write: (bytes: Bytes) => void
    }
  }
  readonly packstream: {
    readonly [version in "v1" | "v2" | "default"]: {
      readonly Packer: new (chunker: Chunker) => { packable(value: unknown): () => void }
      readonly Unpacker: new () => { unpack(bytes: Bytes): unknown }
    }
  }
}

interface Chunker {
  readonly messageBoundary: () => void
  readonly flush: () => void
}

export const bytesOf = (bytes: Buffer): Bytes => new (client.channel.alloc(0).constructor)(bytes)

const end = Buffer.alloc(2)

export function readPacked({ chunks }: PackedRows): unknown {
  // The client passes over a chunk without bytes that comes first.
  for (const chunk of chunks) {
    if (chunk.length <= end.length || chunk.readUInt16BE() !== chunk.length - end.length) {
      throw new Error(`a chunk of ${chunk.length} bytes begins with another length`)
    }
  }
  return readMessage(Buffer.concat([...chunks, end]))
}

/** The only value of a message in chunks. */
export function readMessage(chunked: Buffer): unknown {
  const read: unknown[] = []
  const dechunker = new client.channel.Dechunker()
  dechunker.onmessage = (message) => {
    read.push(new client.packstream.v1.Unpacker().unpack(message))
    if (message.remaining() !== 0) throw new Error("bytes behind the value")
  }
  dechunker.write(bytesOf(chunked))
  if (read.length !== 1) throw new Error(`${read.length} messages`)
  return read[0]
}
