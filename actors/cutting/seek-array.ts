/**
 * Finds the array of records in a JSON document without building the document: `$.a.b[*]` is the
 * array that is member `b` of the object that is member `a` of the root. Works byte by byte across
 * chunks and holds nothing but the name that it is reading.
 */
import { keyBytesMax } from "../../protocols/limits.ts"
import { isBlank } from "./cut.ts"

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a]
const [openObject, closeObject, openArray, closeArray] = [0x7b, 0x7d, 0x5b, 0x5d]

export class ArraySeeker {
  readonly #path: readonly string[]
  /** Containers around this place, and how many of them, from the root, are objects of the path. */
  #depth = 0
  #onPathDepth = 0
  #inString = false
  #escaped = false
  /** What stands here is a member's name of the innermost object of the path. */
  #atName = false
  #name: number[] = []
  /** The value that comes is the one that the path names next. */
  #onPath = true

  constructor(path: readonly string[]) {
    this.#path = path
  }

  /** Index after the array's bracket; -1 where it is not among these bytes. */
  seek(bytes: Uint8Array, from: number): number {
    for (let i = from; i < bytes.length; i++) {
      const byte = bytes[i] as number
      if (this.#inString) this.#inText(byte)
      else if (!isBlank(byte) && this.#outside(byte)) return i + 1
    }
    return -1
  }

  #inText(byte: number): void {
    if (this.#atName && this.#name.length <= keyBytesMax) this.#name.push(byte)
    if (this.#escaped) this.#escaped = false
    else if (byte === backslash) this.#escaped = true
    else if (byte === quote) this.#inString = false
  }

  #outside(byte: number): boolean {
    switch (byte) {
      case quote:
        this.#inString = true
        this.#name = []
        if (!this.#atName) this.#onPath = false
        return false
      case colon:
        this.#onPath = this.#atName && this.#nameMatches()
        this.#atName = false
        return false
      case comma:
        this.#atName = this.#depth === this.#onPathDepth
        this.#onPath = false
        return false
      case openArray:
        if (this.#onPath && this.#onPathDepth === this.#path.length) return true
        this.#open({ onPath: false })
        return false
      case openObject:
        this.#open({ onPath: this.#onPath && this.#onPathDepth < this.#path.length })
        return false
      case closeObject:
      case closeArray:
        this.#close()
        return false
      default:
        if (!this.#atName) this.#onPath = false
        return false
    }
  }

  #open({ onPath }: { readonly onPath: boolean }): void {
    this.#depth++
    if (onPath) this.#onPathDepth++
    this.#atName = onPath
    this.#onPath = false
  }

  #close(): void {
    this.#depth--
    this.#onPathDepth = Math.min(this.#onPathDepth, this.#depth)
    this.#onPath = false
    this.#atName = false
  }

  #nameMatches(): boolean {
    const name = Buffer.from(this.#name.slice(0, -1)).toString("utf8")
    return decodeName(name) === this.#path[this.#onPathDepth - 1]
  }
}

function decodeName(name: string): string | undefined {
  if (!name.includes("\\")) return name
  try {
    return JSON.parse(`"${name}"`) as string
  } catch {
    return undefined
  }
}
