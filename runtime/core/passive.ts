/**
 * State of passive virtual actors. The store in memory packs them: a record of key and state in a
 * slab, and four bytes of index, so that a million passive actors cost little more than their
 * states.
 *
 * Promises: what `put` took is what `get` gives, until `delete`; a `put` that finds no room says so
 * and keeps nothing. Does not survive the process.
 *
 * A record is `key length u16, state length u16, key, state`, rounded up to four bytes. The index
 * of each (tenant, kind) is a table with linear probing; freed records are used again by size.
 */
import { fnv1a32 } from "../../protocols/address.ts"
import { keyBytesMax, passiveBytesMax, passiveStateBytesMax } from "../../protocols/limits.ts"

export interface PassiveStore {
  /** False where the state finds no room: the actor then stays in memory. */
  readonly put: (tenant: string, kind: string, key: string, state: Uint8Array) => boolean
  readonly get: (tenant: string, kind: string, key: string) => Uint8Array | undefined
  readonly delete: (tenant: string, kind: string, key: string) => void
  readonly count: (tenant: string, kind: string) => number
}

const unitBytes = 4
const headBytes = 4
const slabUnits = 262_144
const slabBytes = slabUnits * unitBytes
const tableSizeMin = 16

/** References of records by open addressing; 0 is empty. */
interface Table {
  refs: Uint32Array
  count: number
}

export class MemoryPassiveStore implements PassiveStore {
  private readonly tables = new Map<string, Table>()
  private readonly bytesMax: number
  private slabs: Buffer[] = []
  private free = new Map<number, number[]>()
  private usedUnits = slabUnits
  private records = 0

  constructor(bytesMax = passiveBytesMax) {
    this.bytesMax = bytesMax
  }

  put(tenant: string, kind: string, key: string, state: Uint8Array): boolean {
    const keyBytes = Buffer.byteLength(key)
    if (keyBytes > keyBytesMax || state.length > passiveStateBytesMax) return false
    this.delete(tenant, kind, key)
    const ref = this.allocate(unitsOf(keyBytes + state.length))
    if (ref === 0) return false
    const table = this.tableOf(tenant, kind)
    if ((table.count + 1) * 4 > table.refs.length * 3) this.enlarge(table)
    const slab = this.slabOf(ref)
    const at = offsetOf(ref)
    slab.writeUInt16LE(keyBytes, at)
    slab.writeUInt16LE(state.length, at + 2)
    slab.write(key, at + headBytes, "utf8")
    slab.set(state, at + headBytes + keyBytes)
    insert(table, fnv1a32(key), ref)
    table.count += 1
    this.records += 1
    return true
  }

  get(tenant: string, kind: string, key: string): Uint8Array | undefined {
    const table = this.tables.get(`${tenant}/${kind}`)
    const slot = table === undefined ? -1 : this.find(table, key)
    if (table === undefined || slot < 0) return undefined
    const ref = table.refs[slot] ?? 0
    const slab = this.slabOf(ref)
    const at = offsetOf(ref)
    const from = at + headBytes + slab.readUInt16LE(at)
    return new Uint8Array(slab.subarray(from, from + slab.readUInt16LE(at + 2)))
  }

  delete(tenant: string, kind: string, key: string): void {
    const table = this.tables.get(`${tenant}/${kind}`)
    const slot = table === undefined ? -1 : this.find(table, key)
    if (table === undefined || slot < 0) return
    const ref = table.refs[slot] ?? 0
    const slab = this.slabOf(ref)
    const at = offsetOf(ref)
    const units = unitsOf(slab.readUInt16LE(at) + slab.readUInt16LE(at + 2))
    this.unlink(table, slot)
    table.count -= 1
    this.records -= 1
    if (this.records === 0) this.reset()
    else {
      const freed = this.free.get(units)
      if (freed === undefined) this.free.set(units, [ref])
      else freed.push(ref)
    }
  }

  count(tenant: string, kind: string): number {
    return this.tables.get(`${tenant}/${kind}`)?.count ?? 0
  }

  /** 0 where there is no room. References begin at 1, so that 0 stays free for "none". */
  private allocate(units: number): number {
    const freed = this.free.get(units)?.pop()
    if (freed !== undefined) return freed
    if (this.usedUnits + units > slabUnits) {
      if ((this.slabs.length + 1) * slabBytes > this.bytesMax) return 0
      this.slabs.push(Buffer.alloc(slabBytes))
      this.usedUnits = 0
    }
    const ref = (this.slabs.length - 1) * slabUnits + this.usedUnits + 1
    this.usedUnits += units
    return ref
  }

  private reset(): void {
    this.slabs = []
    this.free = new Map()
    this.usedUnits = slabUnits
    this.tables.clear()
  }

  private slabOf(ref: number): Buffer {
    return this.slabs[Math.floor((ref - 1) / slabUnits)] as Buffer
  }

  private tableOf(tenant: string, kind: string): Table {
    const name = `${tenant}/${kind}`
    let table = this.tables.get(name)
    if (table === undefined) {
      table = { refs: new Uint32Array(tableSizeMin), count: 0 }
      this.tables.set(name, table)
    }
    return table
  }

  private find(table: Table, key: string): number {
    const { refs } = table
    const mask = refs.length - 1
    for (let slot = fnv1a32(key) & mask; refs[slot] !== 0; slot = (slot + 1) & mask) {
      if (this.hasKey(refs[slot] ?? 0, key)) return slot
    }
    return -1
  }

  /**
   * Compares bytes with characters as long as these are ASCII: most looks at a slot end at once.
   */
  private hasKey(ref: number, key: string): boolean {
    const slab = this.slabOf(ref)
    const at = offsetOf(ref) + headBytes
    const length = slab.readUInt16LE(at - headBytes)
    if (length < key.length) return false
    for (let i = 0; i < key.length; i++) {
      const unit = key.charCodeAt(i)
      if (unit > 0x7f) return slab.toString("utf8", at, at + length) === key
      if (slab[at + i] !== unit) return false
    }
    return length === key.length
  }

  /** As `fnv1a32` of the record's key. */
  private hashOf(ref: number): number {
    const slab = this.slabOf(ref)
    const from = offsetOf(ref) + headBytes
    const to = from + slab.readUInt16LE(from - headBytes)
    let state = 0x811c9dc5
    for (let at = from; at < to; at++) state = Math.imul(state ^ (slab[at] ?? 0), 0x01000193)
    return state >>> 0
  }

  /** Empties a slot and moves up what had to pass it. */
  private unlink(table: Table, slot: number): void {
    const { refs } = table
    const mask = refs.length - 1
    let hole = slot
    for (let next = (hole + 1) & mask; refs[next] !== 0; next = (next + 1) & mask) {
      const ref = refs[next] ?? 0
      const wanted = this.hashOf(ref) & mask
      const passes = ((next - wanted) & mask) >= ((next - hole) & mask)
      if (!passes) continue
      refs[hole] = ref
      hole = next
    }
    refs[hole] = 0
  }

  private enlarge(table: Table): void {
    const { refs } = table
    table.refs = new Uint32Array(refs.length * 2)
    for (const ref of refs) {
      if (ref !== 0) insert(table, this.hashOf(ref), ref)
    }
  }
}

function insert(table: Table, hash: number, ref: number): void {
  const mask = table.refs.length - 1
  let slot = hash & mask
  while (table.refs[slot] !== 0) slot = (slot + 1) & mask
  table.refs[slot] = ref
}

const unitsOf = (payloadBytes: number) => Math.ceil((headBytes + payloadBytes) / unitBytes)
const offsetOf = (ref: number) => ((ref - 1) % slabUnits) * unitBytes
