/**
 * What a person sees on stderr: lines that stay, and below them, on a terminal, lines that are
 * drawn again in place.
 */
export class Screen {
  readonly #write: (text: string) => void
  #drawn: readonly string[] = []

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  /** A line that stays, above what is drawn. */
  tell(line: string): void {
    this.#write(`${frame([], this.#drawn.length)}${line}\n${frame(this.#drawn, 0)}`)
  }

  /** Draws these lines in place of those that were drawn before. */
  draw(lines: readonly string[]): void {
    const text = frame(lines, this.#drawn.length)
    if (text !== "") this.#write(text)
    this.#drawn = lines
  }

  /** What is drawn stays as it is, and what comes next is below it. */
  leave(): void {
    this.#drawn = []
  }
}

/** Moves back over what was drawn before, and draws these lines instead. */
function frame(lines: readonly string[], linesBefore: number): string {
  const back = linesBefore === 0 ? "" : `\u001b[${linesBefore}A`
  const surplus = Math.max(0, linesBefore - lines.length)
  const blank = "\u001b[2K\n".repeat(surplus)
  const up = surplus === 0 ? "" : `\u001b[${surplus}A`
  return `${back}${lines.map((line) => `\u001b[2K${line}\n`).join("")}${blank}${up}`
}
