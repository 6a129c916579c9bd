/**
 * What the tidy rules need to know of a source file, read from TypeScript's own syntax tree.
 * Nothing is resolved or type-checked: all files of the house take under a second.
 */
import type { Node } from "typescript/unstable/ast"
import { SyntaxKind } from "typescript/unstable/ast"
import { createVirtualFileSystem } from "typescript/unstable/fs"
import { API } from "typescript/unstable/sync"

export interface FunctionFact {
  readonly name: string
  readonly line: number
  readonly lines: number
}

export interface ImportFact {
  readonly specifier: string
  readonly line: number
  /** Names imported from it; empty for `import *`, `export *` and dynamic imports. */
  readonly names: readonly string[]
}

/** A name from outside the file as it is used: `Date`, `Math.random`, `async`. */
export interface MentionFact {
  readonly name: string
  readonly line: number
}

export interface SourceFacts {
  readonly path: string
  readonly text: string
  readonly functions: readonly FunctionFact[]
  readonly imports: readonly ImportFact[]
  readonly mentions: readonly MentionFact[]
}

const house = "/house/"

/** Facts of TypeScript sources, given as path in the repository → text. */
export function readFacts(sources: ReadonlyMap<string, string>): readonly SourceFacts[] {
  const files: { [path: string]: string } = {}
  for (const [path, text] of sources) files[house + path] = text
  const names = Object.keys(files)
  files[`${house}tsconfig.json`] = JSON.stringify({
    compilerOptions: { noLib: true, noResolve: true, types: [], allowJs: true, noEmit: true },
    files: names,
  })
  const api = new API({ cwd: house, fs: createVirtualFileSystem(files) })
  try {
    const snapshot = api.updateSnapshot({ openProjects: [`${house}tsconfig.json`] })
    const program = snapshot.getProjects()[0]?.program
    return [...sources].map(([path, text]) => {
      const root = program?.getSourceFile(house + path)
      if (root === undefined) throw new Error(`TypeScript did not read ${path}`)
      return factsOf(path, text, root)
    })
  } finally {
    api.close()
  }
}

interface Collector {
  readonly lineOf: (position: number) => number
  readonly functions: FunctionFact[]
  readonly imports: ImportFact[]
  readonly mentions: MentionFact[]
  readonly declared: Set<string>
}

function factsOf(path: string, text: string, root: Node): SourceFacts {
  const starts = [0]
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1)
  const lineOf = (position: number) => starts.findLastIndex((start) => start <= position) + 1
  const found: Collector = {
    lineOf,
    functions: [],
    imports: [],
    mentions: [],
    declared: new Set(),
  }
  walk(root, undefined, text, found)
  const mentions = found.mentions.filter(
    ({ name }) => !found.declared.has(name.split(".")[0] ?? ""),
  )
  return { path, text, functions: found.functions, imports: found.imports, mentions }
}

function walk(node: Node, parent: Node | undefined, text: string, found: Collector): void {
  const line = found.lineOf(startOf(node, text))
  if (functionKinds.has(node.kind) && !isTestGroup(node, parent, text)) {
    const lines = found.lineOf(node.end) - line + 1
    found.functions.push({ name: nameOf(node, parent), line, lines })
  }
  const imported = importOf(node)
  if (imported !== undefined) found.imports.push({ ...imported, line })
  const declared = declaredName(node)
  if (declared !== undefined) found.declared.add(declared)
  const mention = mentionOf(node, parent)
  if (mention !== undefined) found.mentions.push({ name: mention, line })
  node.forEachChild((child) => walk(child, node, text, found))
}

const functionKinds = new Set<SyntaxKind>([
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.FunctionExpression,
  SyntaxKind.ArrowFunction,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.Constructor,
  SyntaxKind.GetAccessor,
  SyntaxKind.SetAccessor,
])

const declarationKinds = new Set<SyntaxKind>([
  SyntaxKind.VariableDeclaration,
  SyntaxKind.Parameter,
  SyntaxKind.BindingElement,
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.ClassDeclaration,
  SyntaxKind.TypeAliasDeclaration,
  SyntaxKind.InterfaceDeclaration,
  SyntaxKind.ImportClause,
  SyntaxKind.NamespaceImport,
])

/** Kinds whose `name` child is a label, not a use of something from outside. */
const labelKinds = new Set<SyntaxKind>([
  SyntaxKind.PropertyAssignment,
  SyntaxKind.PropertyDeclaration,
  SyntaxKind.PropertySignature,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.MethodSignature,
  SyntaxKind.GetAccessor,
  SyntaxKind.SetAccessor,
  SyntaxKind.PropertyAccessExpression,
  SyntaxKind.QualifiedName,
  SyntaxKind.ImportSpecifier,
  SyntaxKind.ExportSpecifier,
  ...declarationKinds,
])

/** The parts of a node that the rules look at; a node has those of its kind. */
interface Parts {
  readonly name?: Node
  readonly text?: string
  readonly expression?: Node
  readonly arguments?: readonly Node[]
  readonly moduleSpecifier?: Node
  readonly importClause?: Node
  readonly namedBindings?: Node
  readonly exportClause?: Node
  readonly elements?: readonly Node[]
  readonly propertyName?: Node
  readonly body?: Node
  readonly statements?: readonly Node[]
}

const parts = (node: Node): Parts => node as unknown as Parts

const textOf = (node: Node | undefined): string | undefined =>
  node === undefined ? undefined : parts(node).text

/** A node begins after the white space and comments before it. */
function startOf(node: Node, text: string): number {
  let at = node.pos
  for (;;) {
    while (at < node.end && /\s/.test(text[at] ?? "")) at++
    if (text.startsWith("//", at)) at = endOr(text.indexOf("\n", at), node.end)
    else if (text.startsWith("/*", at)) at = endOr(text.indexOf("*/", at), node.end) + 2
    else return at
  }
}

const endOr = (at: number, end: number) => (at < 0 ? end : at)

/**
 * `describe("…", () => {…})`, or a function that states tests one after the other: what groups
 * tests is no longer than they are; the tests in it are the functions.
 */
function isTestGroup(node: Node, parent: Node | undefined, text: string): boolean {
  if (parent?.kind === SyntaxKind.CallExpression) {
    const callee = parts(parent).expression
    if (callee !== undefined && sourceOf(callee, text).startsWith("describe")) return true
  }
  const statements = parts(parts(node).body ?? node).statements ?? []
  return statements.some((statement) => /^(?:it|test|describe)[.(]/.test(sourceOf(statement, text)))
}

const sourceOf = (node: Node, text: string) => text.slice(startOf(node, text), node.end)

function nameOf(node: Node, parent: Node | undefined): string {
  const own = textOf(parts(node).name)
  if (own !== undefined) return own
  return (parent && labelKinds.has(parent.kind) && textOf(parts(parent).name)) || "function"
}

function declaredName(node: Node): string | undefined {
  if (node.kind === SyntaxKind.ImportSpecifier) return textOf(parts(node).name)
  return declarationKinds.has(node.kind) ? textOf(parts(node).name) : undefined
}

function importOf(node: Node): Omit<ImportFact, "line"> | undefined {
  if (node.kind === SyntaxKind.ImportDeclaration || node.kind === SyntaxKind.ExportDeclaration) {
    const specifier = textOf(parts(node).moduleSpecifier)
    return specifier === undefined ? undefined : { specifier, names: importedNames(node) }
  }
  const [first, second] = parts(node).arguments ?? []
  if (node.kind === SyntaxKind.CallExpression) {
    if (parts(node).expression?.kind !== SyntaxKind.ImportKeyword) return undefined
    const specifier = textOf(first)
    return specifier === undefined ? undefined : { specifier, names: [] }
  }
  // `new URL("./worker.ts", import.meta.url)`: a file that a thread is started from.
  if (node.kind !== SyntaxKind.NewExpression || textOf(parts(node).expression) !== "URL") {
    return undefined
  }
  const specifier = textOf(first)
  return specifier === undefined || second === undefined ? undefined : { specifier, names: [] }
}

function importedNames(node: Node): readonly string[] {
  const clause = parts(node).importClause
  const list = (clause && parts(clause).namedBindings) ?? parts(node).exportClause
  const elements = list === undefined ? [] : (parts(list).elements ?? [])
  return elements.flatMap((element) => {
    const name = textOf(parts(element).propertyName ?? parts(element).name)
    return name === undefined ? [] : [name]
  })
}

function mentionOf(node: Node, parent: Node | undefined): string | undefined {
  if (node.kind === SyntaxKind.AsyncKeyword) return "async"
  if (node.kind === SyntaxKind.AwaitExpression) return "await"
  if (node.kind !== SyntaxKind.Identifier || parent === undefined) return undefined
  const name = textOf(node)
  if (labelKinds.has(parent.kind) && parts(parent).name === node) return undefined
  if (parent.kind === SyntaxKind.ImportSpecifier) return undefined
  const isRoot =
    parent.kind === SyntaxKind.PropertyAccessExpression && parts(parent).expression === node
  return isRoot ? `${name}.${textOf(parts(parent).name)}` : name
}
