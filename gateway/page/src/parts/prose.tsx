/**
 * Text of a record as a person reads it: the words of Markdown's links without their addresses,
 * citations set back. Addresses of threat intelligence are shown when pointed at and never
 * followed by a click.
 */

import type { ComponentChild } from "preact"

const marks = /\[([^\]\n]{1,200})\]\((https?:\/\/[^\s)]{1,2000})\)|(\(Citation: [^)]{1,300}\))/g

export function Prose({ text }: { readonly text: string }) {
  const parts: ComponentChild[] = []
  let done = 0
  for (const found of text.matchAll(marks)) {
    const [whole, words, address] = found
    parts.push(text.slice(done, found.index))
    done = found.index + whole.length
    parts.push(
      words === undefined ? (
        <span key={found.index} class="citation">
          {whole}
        </span>
      ) : (
        <span key={found.index} class="address" title={address}>
          {words}
        </span>
      ),
    )
  }
  return (
    <>
      {parts}
      {text.slice(done)}
    </>
  )
}
