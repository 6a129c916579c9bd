/**
 * Bytes out of a file, plain or gzip by content. Reads when asked and not before: at most one
 * buffer of the file and what one write to the decompressor gives are held.
 *
 * A gzip file that ends too soon gives all that can be had of it, and then says `damaged`. Output
 * beyond `inflateRatioMax` times the input, or beyond `inflateBytesMax`, fails: a gzip bomb.
 */
import type { FileHandle } from "node:fs/promises"
import { createGunzip, type Gunzip } from "node:zlib"
import {
  inflateBytesMax,
  inflateRatioFreeBytes,
  inflateRatioMax,
  sourceChunkBytes,
} from "../../protocols/limits.ts"

/** A reason, for a person, why reading cannot go on. */
export class Unreadable {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

/** `beyond`: there were not as many bytes as were to be skipped. */
export type BytesEnd = "whole" | "damaged" | "beyond"

export interface ByteSource {
  /** The next bytes, in memory of their own, or how they end. Throws `Unreadable`. */
  readonly next: () => Promise<Uint8Array | BytesEnd>
  /** Bytes of the file read so far. */
  readonly fileBytesRead: () => number
  readonly close: () => void
}

export async function isGzip(file: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(3), 0, 3, 0)
  return bytesRead === 3 && buffer[0] === 0x1f && buffer[1] === 0x8b && buffer[2] === 8
}

/** The file's bytes from `offset` on. */
export function plainBytes(file: FileHandle, offset: number): ByteSource {
  let position = offset
  return {
    next: async () => {
      const buffer = Buffer.allocUnsafeSlow(sourceChunkBytes)
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position)
      position += bytesRead
      if (bytesRead > 0) return buffer.subarray(0, bytesRead)
      return position > (await file.stat()).size ? "beyond" : "whole"
    },
    fileBytesRead: () => position,
    close: () => undefined,
  }
}

/** What the gzip file holds, from its uncompressed byte `offset` on. */
export function inflatedBytes(file: FileHandle, offset: number): ByteSource {
  const inflater = new Inflater(file)
  let skip = offset
  const next = async (): Promise<Uint8Array | BytesEnd> => {
    for (;;) {
      const bytes = await inflater.next()
      if (typeof bytes === "string") return skip > 0 ? "beyond" : bytes
      if (bytes.length > skip) {
        const rest = bytes.subarray(skip)
        skip = 0
        return rest
      }
      skip -= bytes.length
    }
  }
  return { next, fileBytesRead: () => inflater.read, close: () => inflater.close() }
}

class Inflater {
  read = 0
  #written = 0
  readonly #file: FileHandle
  readonly #gunzip: Gunzip
  #writing = false
  #inputEnded = false
  #outputEnded = false
  #error: NodeJS.ErrnoException | undefined
  #wake: () => void = () => undefined

  constructor(file: FileHandle) {
    this.#file = file
    this.#gunzip = createGunzip({ chunkSize: sourceChunkBytes })
    this.#gunzip.on("readable", () => this.#wake())
    this.#gunzip.on("end", () => {
      this.#outputEnded = true
      this.#wake()
    })
    this.#gunzip.on("error", (error: NodeJS.ErrnoException) => {
      this.#error = error
      this.#wake()
    })
  }

  // The input's end is told only when all output is out: an error throws away what is buffered.
  async next(): Promise<Uint8Array | "whole" | "damaged"> {
    for (;;) {
      const bytes = this.#gunzip.read() as Buffer | null
      if (bytes !== null) return this.#check(bytes)
      if (this.#error !== undefined) return damage(this.#error)
      if (this.#outputEnded) return "whole"
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      if (!this.#writing && !this.#inputEnded) await this.#feed()
      else await woken
    }
  }

  close(): void {
    this.#gunzip.destroy()
  }

  async #feed(): Promise<void> {
    const buffer = Buffer.allocUnsafe(sourceChunkBytes)
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.read)
    this.read += bytesRead
    if (bytesRead === 0) {
      this.#inputEnded = true
      this.#gunzip.end()
      return
    }
    this.#writing = true
    this.#gunzip.write(buffer.subarray(0, bytesRead), () => {
      this.#writing = false
      this.#wake()
    })
  }

  #check(bytes: Buffer): Buffer {
    this.#written += bytes.length
    const ratio = this.#written / Math.max(1, this.read)
    if (this.#written > inflateRatioFreeBytes && ratio > inflateRatioMax) {
      throw new Unreadable(
        `It expands to more than ${inflateRatioMax} times its size: a gzip bomb is not read.`,
      )
    }
    if (this.#written > inflateBytesMax) {
      throw new Unreadable(`It expands to more than ${inflateBytesMax} bytes.`)
    }
    return bytes
  }
}

function damage(error: NodeJS.ErrnoException): "damaged" {
  if (error.code === "Z_BUF_ERROR") return "damaged"
  throw new Unreadable(`Its gzip data is damaged: ${error.message}.`)
}
