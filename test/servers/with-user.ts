import type { Server } from "./server.ts"

/** A server's address with who may, as settings take it; by way of another port where given. */
export function withUser(
  { url, user, password }: Pick<Server, "url" | "user" | "password">,
  port?: number,
): string {
  const address = new URL(url)
  address.username = user ?? ""
  address.password = password ?? ""
  if (port !== undefined) address.port = `${port}`
  return address.href
}
