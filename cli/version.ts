import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** The version in `package.json`, without loading it as a module. */
export function version(): string {
  const manifest = readFileSync(fileURLToPath(new URL("../package.json", import.meta.url)), "utf8")
  return String((JSON.parse(manifest) as { readonly version: unknown }).version)
}
