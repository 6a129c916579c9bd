/**
 * State paths as bytes that sort like the paths themselves: each name is its UTF-8 with every zero
 * byte followed by 0xFF, then a zero byte. UTF-8 has no 0xFF, so names never run into each other,
 * and all paths below a prefix lie between its bytes and its bytes with 0xFF behind.
 */
import { invariant } from "../../protocols/errors.ts"
import type { StatePath } from "./state.ts"

const above = Buffer.from([0xff])

export function keyOfPath(path: StatePath): Buffer {
  const bytes: number[] = []
  for (const name of path) {
    invariant(name.isWellFormed(), "A name in a state path has no lone surrogate.")
    for (const byte of Buffer.from(name, "utf8")) {
      bytes.push(byte)
      if (byte === 0) bytes.push(0xff)
    }
    bytes.push(0)
  }
  return Buffer.from(bytes)
}

/** Above every key of a path that begins with `prefix`, below every other one that is greater. */
export const endOfPrefix = (prefix: StatePath): Buffer => Buffer.concat([keyOfPath(prefix), above])

export function pathOfKey(key: Uint8Array): StatePath {
  const path: string[] = []
  let name: number[] = []
  for (let i = 0; i < key.length; i++) {
    const byte = key[i] ?? 0
    if (byte !== 0) {
      name.push(byte)
    } else if (key[i + 1] === 0xff) {
      name.push(0)
      i++
    } else {
      path.push(Buffer.from(name).toString("utf8"))
      name = []
    }
  }
  return path
}
