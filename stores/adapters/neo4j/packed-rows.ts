/**
 * Rows of a statement as the bytes that the server reads, made where the statement is. The client
 * writes all else of a statement, and lets these pass (`pass-packed-rows.ts`).
 *
 * It makes a function of each value, asks of each list which type of the server's it may be, and
 * copies each text twice, into pieces of 1,400 bytes. Where rows are most of what leaves, that was
 * a sixth of this side's time (decision 0026). Their memory is used again: outside the heap 64 MiB
 * more since the last time make the collector go through all of the heap.
 *
 * Formats: PackStream 1 (https://neo4j.com/docs/bolt/current/packstream/) in chunks of Bolt
 * (https://neo4j.com/docs/bolt/current/bolt/message/).
 */
import { invariant } from "../../../protocols/errors.ts"
import { neo4jPiecesKeptMax } from "../../../protocols/limits.ts"

/** Whole numbers become integers of the server, other ones floating ones. */
export type Value = string | number | boolean | null | Uint8Array | readonly Value[]

/** Of chunks: another's once it is full, and nobody has a chunk in it any more. */
interface Memory {
  readonly bytes: Buffer
  users: number
}

interface Packed {
  readonly chunks: readonly Buffer[]
  readonly memories: readonly Memory[]
}

/** A list of rows. */
export class PackedRows {
  #packed: Packed | undefined

  constructor(rows: readonly Value[]) {
    this.#packed = packing.pack(rows)
  }

  /** Each with its length before it. */
  get chunks(): readonly Buffer[] {
    invariant(this.#packed !== undefined, "Rows that were released are not sent.")
    return this.#packed.chunks
  }

  /** The server has read them: their memory is other rows' from now on. */
  release(): void {
    for (const memory of this.#packed?.memories ?? []) packing.release(memory)
    this.#packed = undefined
  }

  /** A client that does not let them pass asks for this, and would write them as another value. */
  [Symbol.iterator](): never {
    invariant(false, "The client of Neo4j lets packed rows pass.")
  }
}

/** First bytes of values. */
const kinds = {
  tinyText: 0x80,
  tinyList: 0x90,
  null: 0xc0,
  float64: 0xc1,
  false: 0xc2,
  true: 0xc3,
  int8: 0xc8,
  int16: 0xc9,
  int32: 0xca,
  int64: 0xcb,
  bytes8: 0xcc,
  text8: 0xd0,
  list8: 0xd4,
} as const
/** Of what has fewer items or bytes, their number is a part of the first byte. */
const tinySizeEnd = 0x10
/** A first byte, and a number or a length behind it. */
const headBytesMax = 9
/** Length of a chunk, before it. */
const chunkHeadBytes = 2
/** The most that a chunk has with its length; memory is taken in pieces as large. */
const chunkBytes = chunkHeadBytes + 0xffff
/** Text of so many UTF-16 units is short enough for a loop. */
const shortTextUnitsMax = 32
/** With less left, the next rows begin in new memory. */
const memoryBytesMin = 1_024

/** Memory is shared by rows that follow each other: a statement may have one of few bytes. */
class Packing {
  readonly #free: Memory[] = []
  #current: Memory = newMemory()
  /** Of the current one. */
  #memory = this.#current.bytes
  /** Where the chunk begins, with its length. */
  #from = 0
  #at = 0
  #chunks: Buffer[] = []
  #memories: Memory[] = []

  pack(rows: readonly Value[]): Packed {
    if (chunkBytes - this.#at < memoryBytesMin) this.#renew()
    this.#from = this.#at
    this.#at += chunkHeadBytes
    this.#chunks = []
    this.#memories = []
    this.#list(rows)
    this.#close()
    return { chunks: this.#chunks, memories: this.#memories }
  }

  release(memory: Memory): void {
    memory.users--
    this.#keep(memory)
  }

  #value(value: Value): void {
    if (typeof value === "string") this.#text(value)
    else if (typeof value === "number") this.#number(value)
    else if (value === null) this.#byte(kinds.null)
    else if (typeof value === "boolean") this.#byte(value ? kinds.true : kinds.false)
    else if (value instanceof Uint8Array) this.#binary(value)
    else this.#list(value)
  }

  #list(values: readonly Value[]): void {
    invariant(Array.isArray(values), `A row has no value that is a ${typeof values}.`)
    this.#need(headBytesMax)
    if (values.length < tinySizeEnd) this.#put(kinds.tinyList | values.length)
    else this.#sized(kinds.list8, values.length)
    for (const value of values) this.#value(value)
  }

  #text(text: string): void {
    const { length } = text
    this.#need(headBytesMax + shortTextUnitsMax)
    if (length <= shortTextUnitsMax && this.#plain(text)) return
    const bytes = Buffer.byteLength(text)
    if (bytes < tinySizeEnd) this.#put(kinds.tinyText | bytes)
    else this.#sized(kinds.text8, bytes)
    if (bytes > chunkBytes - this.#at) return this.#copy(Buffer.from(text))
    this.#at += this.#memory.write(text, this.#at, bytes === length ? "latin1" : "utf8")
  }

  /** Whether it was of ASCII alone, and is written. */
  #plain(text: string): boolean {
    const { length } = text
    const memory = this.#memory
    const at = this.#at + (length < tinySizeEnd ? 1 : 2)
    let all = 0
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      memory[at + i] = unit
      all |= unit
    }
    if (all >= 0x80) return false
    if (length < tinySizeEnd) this.#put(kinds.tinyText | length)
    else this.#sized(kinds.text8, length)
    this.#at += length
    return true
  }

  #binary(bytes: Uint8Array): void {
    this.#need(headBytesMax)
    this.#sized(kinds.bytes8, bytes.byteLength)
    this.#copy(bytes)
  }

  #number(value: number): void {
    this.#need(headBytesMax)
    const isWhole = Number.isSafeInteger(value)
    if (isWhole && value >= -0x10 && value < 0x80) this.#put(value & 0xff)
    else if (isWhole && value >= -0x80 && value < 0x80) {
      this.#put(kinds.int8)
      this.#put(value & 0xff)
    } else if (isWhole && value >= -0x8000 && value < 0x8000) {
      this.#put(kinds.int16)
      this.#at = this.#memory.writeInt16BE(value, this.#at)
    } else if (isWhole && value >= -0x8000_0000 && value < 0x8000_0000) {
      this.#put(kinds.int32)
      this.#at = this.#memory.writeInt32BE(value, this.#at)
    } else if (isWhole) {
      this.#put(kinds.int64)
      this.#at = this.#memory.writeInt32BE(Math.floor(value / 2 ** 32), this.#at)
      this.#at = this.#memory.writeUInt32BE(value >>> 0, this.#at)
    } else {
      this.#put(kinds.float64)
      this.#at = this.#memory.writeDoubleBE(value, this.#at)
    }
  }

  /** Kinds of longer lengths follow that of lengths of one byte. */
  #sized(kind8: number, size: number): void {
    if (size < 0x100) {
      this.#put(kind8)
      this.#put(size)
    } else if (size < 0x1_0000) {
      this.#put(kind8 + 1)
      this.#at = this.#memory.writeUInt16BE(size, this.#at)
    } else {
      this.#put(kind8 + 2)
      this.#at = this.#memory.writeUInt32BE(size, this.#at)
    }
  }

  #byte(byte: number): void {
    this.#need(1)
    this.#put(byte)
  }

  /** Whoever calls it has asked for the room. */
  #put(byte: number): void {
    this.#memory[this.#at++] = byte
  }

  /** A value may go on in the next chunk. */
  #copy(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.byteLength; ) {
      this.#need(1)
      const part = bytes.subarray(from, from + chunkBytes - this.#at)
      this.#memory.set(part, this.#at)
      this.#at += part.byteLength
      from += part.byteLength
    }
  }

  #need(bytes: number): void {
    if (chunkBytes - this.#at >= bytes) return
    this.#close()
    this.#renew()
    this.#at = chunkHeadBytes
  }

  /** A chunk without bytes would end the statement. */
  #close(): void {
    const size = this.#at - this.#from - chunkHeadBytes
    invariant(size > 0 && size <= 0xffff, "A chunk has bytes, and as many as its length can say.")
    this.#memory.writeUInt16BE(size, this.#from)
    this.#chunks.push(this.#memory.subarray(this.#from, this.#at))
    this.#memories.push(this.#current)
    this.#current.users++
  }

  #renew(): void {
    const full = this.#current
    this.#current = this.#free.pop() ?? newMemory()
    this.#memory = this.#current.bytes
    this.#from = 0
    this.#at = 0
    this.#keep(full)
  }

  #keep(memory: Memory): void {
    const isFree = memory.users === 0 && memory !== this.#current
    if (isFree && this.#free.length < neo4jPiecesKeptMax) this.#free.push(memory)
  }
}

const newMemory = (): Memory => ({ bytes: Buffer.allocUnsafeSlow(chunkBytes), users: 0 })

const packing = new Packing()
