/** What is read of a source and not yet sent: at most one chunk of its records, in order. */
import type { SourceEvent } from "../protocols/event.ts"
import type { SourceChunk, SourcePlace } from "./source.ts"

export class ReadAhead {
  #chunk: SourceChunk | undefined
  #at = 0
  #next: SourcePlace
  #ended = false
  #fileBytesRead = 0

  constructor(from: SourcePlace) {
    this.#next = from
  }

  /** Where reading goes on after everything that was taken. */
  get next(): SourcePlace {
    return this.#next
  }

  /** As the last chunk says. */
  get fileBytesRead(): number {
    return this.#fileBytesRead
  }

  /** Nothing more is read. */
  get ended(): boolean {
    return this.#ended
  }

  /** Nothing more is read, and all that was read is taken. */
  get isOver(): boolean {
    return this.#ended && this.#chunk === undefined
  }

  get wantsMore(): boolean {
    return !this.#ended && this.#chunk === undefined
  }

  /** Begins there, whatever was before. */
  goTo(place: SourcePlace): void {
    this.#next = place
    this.#chunk = undefined
    this.#ended = false
  }

  arrived(chunk: SourceChunk): void {
    this.#chunk = chunk
    this.#at = 0
    this.#fileBytesRead = chunk.fileBytesRead
  }

  end(): void {
    this.#ended = true
  }

  /** Lets what is not taken go, too. */
  giveUp(): void {
    this.#ended = true
    this.#chunk = undefined
  }

  /** The record that is next, where one is here. */
  peek(): SourceEvent | undefined {
    const event = this.#chunk?.events[this.#at]
    if (event === undefined && this.#chunk !== undefined) {
      this.#next = this.#chunk.next
      this.#chunk = undefined
      this.#at = 0
    }
    return event
  }

  /** The record that was next is on its way. */
  take(): void {
    if (this.#chunk === undefined) return
    this.#at++
    // Not the end of its bytes: those of a record that was set aside may be shortened.
    const { offset, ordinal } = this.#chunk.events[this.#at] ?? this.#chunk.next
    this.#next = { offset, ordinal }
  }
}
