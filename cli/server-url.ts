/**
 * Where a server is. An address may carry a password, from a flag or the environment; it is told to
 * the client of that server alone, and shown nowhere.
 */
import { invalid, type Read } from "./readers.ts"

const shownPassword = "***"

export class ServerUrl {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** With its password. */
  reveal(): string {
    return this.#text
  }

  /** Of the first address; empty where it names nobody. */
  userIn(): { readonly user: string; readonly password: string } {
    const { username, password } = new URL(this.#text.split(",", 1)[0] ?? "")
    return { user: decodeURIComponent(username), password: decodeURIComponent(password) }
  }

  /** The addresses alone. */
  withoutUser(): string {
    return this.#text.replaceAll(/\/\/[^@/,]*@/g, "//")
  }

  /** Without the password. */
  toString(): string {
    return this.#text
      .split(",")
      .map((one) => {
        const url = new URL(one)
        if (url.password === "") return one
        url.password = shownPassword
        return url.href
      })
      .join(",")
  }

  toJSON(): string {
    return this.toString()
  }
}

/** An address with one of these schemes, or several with commas between them. */
export const serverUrl =
  (schemes: readonly string[], example: string): Read<ServerUrl> =>
  (text, name) => {
    const isServer = (one: string) =>
      URL.canParse(one) && schemes.includes(new URL(one).protocol.slice(0, -1))
    if (text.split(",").every(isServer)) return new ServerUrl(text)
    // Not what was given: a password may be in it.
    throw invalid(`${name} is no address of a server, such as ${example}.`)
  }

/** From a file, which holds no secrets. */
export const withoutPassword =
  (read: Read<ServerUrl>): Read<ServerUrl> =>
  (text, name) => {
    const url = read(text, name)
    if (url.toString() === text) return url
    throw invalid(`${name} holds a password: name the user there, and give it by the environment.`)
  }
