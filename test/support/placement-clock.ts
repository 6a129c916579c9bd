/** Virtual time for models of many nodes: tasks by time, then by the order they were set. */

interface Due {
  readonly atMillis: number
  readonly order: number
  readonly task: () => void
}

export class ModelClock {
  nowMillis = 0
  #order = 0
  #state: number
  readonly #heap: Due[] = []

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  after(millis: number, task: () => void): void {
    this.#order += 1
    const due = { atMillis: this.nowMillis + Math.max(0, millis), order: this.#order, task }
    const heap = this.#heap
    let at = heap.push(due) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || before(parent, due)) break
      heap[at] = parent
      at = above
    }
    heap[at] = due
  }

  /** Runs what comes due until then; false where `stop` said so before. */
  run(untilMillis: number, stop: () => boolean = () => false): boolean {
    for (let due = this.#heap[0]; due !== undefined; due = this.#heap[0]) {
      if (due.atMillis > untilMillis) break
      this.#pop()
      this.nowMillis = due.atMillis
      due.task()
      if (stop()) return false
    }
    this.nowMillis = untilMillis
    return true
  }

  /** Uniform in [0, 1): mulberry32 (T. Ettinger, public domain). */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  between(low: number, high: number): number {
    return low + this.random() * (high - low)
  }

  chance(share: number): boolean {
    return this.random() < share
  }

  pick<A>(from: readonly A[]): A | undefined {
    return from[Math.floor(this.random() * from.length)]
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    while (true) {
      const left = 2 * at + 1
      const one = heap[left]
      const other = heap[left + 1]
      const useOther = one !== undefined && other !== undefined && before(other, one)
      const least = useOther ? other : one
      if (least === undefined || before(last, least)) break
      heap[at] = least
      at = useOther ? left + 1 : left
    }
    heap[at] = last
  }
}

const before = (a: Due, b: Due): boolean =>
  a.atMillis < b.atMillis || (a.atMillis === b.atMillis && a.order < b.order)
