/**
 * The built page as the edge serves it: the document at `/`, everything else under `/page/` by
 * names that change with the content. The browser may load from this node alone, and nothing
 * that stands in the document itself is run.
 */
import { readdirSync, readFileSync } from "node:fs"
import { extname, join } from "node:path"
import { keptForEver, Page } from "../pages.ts"

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ")

const types: { readonly [extension: string]: string } = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
}

const isHashed = (name: string): boolean => /-[0-9A-Z]{8}\.\w+$/.test(name)

/** The page's files by path. */
export function pageFiles(folder = join(import.meta.dirname, "dist")): ReadonlyMap<string, Page> {
  const pages = new Map<string, Page>()
  for (const name of readdirSync(folder)) {
    const headers = {
      "content-type": types[extname(name)] ?? "application/octet-stream",
      "content-security-policy": policy,
      "cross-origin-opener-policy": "same-origin",
      "x-frame-options": "DENY",
      "permissions-policy": "camera=(), microphone=(), geolocation=()",
      ...(isHashed(name) ? { "cache-control": keptForEver } : {}),
    }
    const path = name === "index.html" ? "/" : `/page/${name}`
    pages.set(path, new Page(readFileSync(join(folder, name)), headers))
  }
  return pages
}
