/** Subjects of messages between nodes. A node listens to those of its own name alone. */
import { isToken } from "../../../protocols/address.ts"
import { Invalid } from "../../../protocols/errors.ts"

/**
 * | subject                              | who listens            | what is said there            |
 * | ------------------------------------ | ---------------------- | ----------------------------- |
 * | `<name>.nd.<node>.door`              | who has the name       | greetings                     |
 * | `<name>.nd.<node>.<process>.in`      | this process           | all else                      |
 * | `<name>.nd.<node>.<process>.no.<n>`  | this process           | nobody is where `n` was sent  |
 * | `<name>.nd.<node>.<process>.probe`   | nobody                 | whether this user may send    |
 *
 * The one function that makes them; refuses what is no token, and would shift or widen a subject.
 */
export function peerSubject(
  name: string,
  node: string,
  at:
    | { readonly kind: "door" }
    | { readonly kind: "in" | "probe"; readonly incarnation: string }
    | { readonly kind: "no"; readonly incarnation: string; readonly number: number | "*" },
): string {
  const home = `${token(name)}.nd.${token(node)}`
  if (at.kind === "door") return `${home}.door`
  const own = `${home}.${token(at.incarnation)}.${at.kind}`
  return at.kind === "no" ? `${own}.${at.number}` : own
}

function token(text: string): string {
  if (isToken(text)) return text
  const message = `${JSON.stringify(text.slice(0, 80))} is no part of a subject.`
  throw new Invalid({ what: "node", message })
}
