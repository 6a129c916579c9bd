/** An ingest that somebody waits for: answered once, whatever becomes of the actors it passes. */
import type { IntelGraphError } from "../protocols/errors.ts"
import type { IngestReport, IngestRequest } from "./api.ts"
import { ConnectorBoard } from "./connector-board.ts"
import { reportOfNothing } from "./report.ts"

export class AskedIngest {
  readonly request: IngestRequest
  readonly board = new ConnectorBoard()
  readonly #answer: (report: IngestReport) => void
  #answered = false
  #keptIn: Set<AskedIngest> | undefined

  constructor(request: IngestRequest, answer: (report: IngestReport) => void) {
    this.request = request
    this.#answer = answer
  }

  get isAnswered(): boolean {
    return this.#answered
  }

  /** Until it is answered. */
  keepIn(all: Set<AskedIngest>): void {
    if (this.#answered) return
    all.add(this)
    this.#keptIn = all
  }

  report(report: IngestReport): void {
    if (this.#answered) return
    this.#answered = true
    this.#keptIn?.delete(this)
    this.#answer(report)
  }

  /** What was committed of it stands in its last progress. */
  end(phase: "failed" | "interrupted", error: IntelGraphError | undefined): void {
    const { progress } = this.board
    if (this.#answered) return
    if (progress === undefined) return this.report(reportOfNothing(this.request, phase, error))
    const report = { ...progress, phase, error }
    this.board.progress = report
    this.report(report)
  }

  /** Nobody wants it any more: what was read of it stands, and the rest is not begun. */
  withdraw(): void {
    this.board.interrupted = true
    this.end("interrupted", undefined)
  }

  fail(error: IntelGraphError): void {
    this.end("failed", error)
  }
}
