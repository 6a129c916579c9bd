/**
 * Builds the page: one script with a part that is loaded when a graph is drawn, one style, one
 * document, and the licences of what is in them. What is built is committed, so that a node
 * needs no tools; a test builds again and compares.
 */
import { createHash } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { build } from "esbuild"

const folder = import.meta.dirname
const root = join(folder, "../..")
/** Where the built files are kept. */
export const builtFolder = join(folder, "dist")

/** The page's files by name, as they are to be served. */
export async function buildPage(): Promise<ReadonlyMap<string, string>> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: {
      app: "gateway/page/src/main.tsx",
      style: "gateway/page/src/style/page.css",
    },
    outdir: "gateway/page/dist",
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    target: ["chrome123", "firefox120", "safari17.5"],
    jsx: "automatic",
    jsxImportSource: "preact",
    minify: true,
    legalComments: "none",
    charset: "utf8",
    metafile: true,
    write: false,
    logLevel: "error",
  })
  const files = new Map(outputFiles.map(({ path, text }) => [basename(path), text]))
  const named = (prefix: string, suffix: string) => {
    const found = [...files.keys()].find((name) => name.startsWith(prefix) && name.endsWith(suffix))
    if (found === undefined) throw new Error(`The build has no ${prefix}…${suffix}.`)
    return found
  }
  const icon = readFileSync(join(folder, "src/icon.svg"), "utf8")
  const iconName = `icon-${hashOf(icon)}.svg`
  files.set(iconName, icon)
  files.set("LICENSES.txt", licencesOf(Object.keys(metafile.inputs)))
  files.set(
    "index.html",
    documentOf({ script: named("app-", ".js"), style: named("style-", ".css"), icon: iconName }),
  )
  return files
}

const hashOf = (text: string): string =>
  createHash("sha256").update(text).digest("hex").slice(0, 8).toUpperCase()

interface Names {
  readonly script: string
  readonly style: string
  readonly icon: string
}

/**
 * The style's id is the one under which cytoscape looks for its own: it then adds no inline style,
 * which the page's policy would refuse. The script holds back the first paint, so that the chosen
 * colours are there from the first moment on.
 */
const documentOf = ({ script, style, icon }: Names): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>IntelGraph</title>
<link rel="icon" href="/page/${icon}" type="image/svg+xml">
<link rel="stylesheet" href="/page/${style}" id="__________cytoscape_stylesheet">
<script type="module" src="/page/${script}" blocking="render"></script>
</head>
<body>
<div id="page">
<noscript>This page needs JavaScript. The same is answered at /graphql.</noscript>
</div>
</body>
</html>
`

/** Every package that a part of the bundle comes from, with its licence as it is published. */
function licencesOf(inputs: readonly string[]): string {
  const packages = new Set(
    inputs.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
  )
  const parts = [...packages].sort().map((name) => {
    const home = join(root, "node_modules", name)
    const { version, license } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"))
    const file = readdirSync(home).find((entry) => /^licen[cs]e/i.test(entry))
    if (file === undefined) throw new Error(`${name} ships no licence.`)
    const text = readFileSync(join(home, file), "utf8").trim()
    return `${name} ${version} (${license})\n\n${text}\n`
  })
  const head = "The page of IntelGraph contains the following packages.\n"
  return [head, ...parts].join(`\n${"=".repeat(72)}\n\n`)
}

if (import.meta.main) {
  rmSync(builtFolder, { recursive: true, force: true })
  mkdirSync(builtFolder)
  for (const [name, text] of await buildPage()) {
    writeFileSync(join(builtFolder, name), text)
    process.stdout.write(`${String(Buffer.byteLength(text)).padStart(8)} ${name}\n`)
  }
}
