/**
 * Documents that clients name instead of sending them: those of the node's manifest, and those that
 * a client of the tenant sent before with their hash (Apollo's automatic persisted queries).
 *
 * Promises: what a tenant's clients leave here is seen by that tenant alone, so that nobody learns
 * what others ask, and pushes out documents of that tenant only; the tenants that leave documents
 * are bounded, too, the longest unused forgotten first. Only documents that are valid are kept, so
 * bytes that no query is made of take no room. Where the manifest is all that may be asked, nothing
 * else is executed, by whatever way it comes.
 */
import { hash } from "node:crypto"
import { Invalid, PersistedQueryNotFound } from "../protocols/errors.ts"
import {
  persistedDocumentsMax,
  persistedLengthMax,
  persistedTenantsMax,
} from "../protocols/limits.ts"
import type { Access } from "./access/access.ts"
import { Recent } from "./recent.ts"

export interface Manifest {
  /** Documents by their ids. */
  readonly documents: ReadonlyMap<string, string>
  /** Nothing else is executed. */
  readonly only: boolean
}

/** What a request says of its document. */
export interface DocumentRequest {
  readonly access: Access
  readonly document?: string | undefined
  /** Of `extensions.persistedQuery`: an id of the manifest, or a SHA-256 in hex. */
  readonly documentId?: string | undefined
}

/** What a tenant's clients left: documents by their hashes. */
const left = () =>
  new Recent<string>({
    countMax: persistedDocumentsMax,
    lengthMax: persistedLengthMax,
    lengthOf: (_id, document) => document.length,
  })

export class PersistedDocuments {
  readonly #manifest: Manifest
  readonly #listed: ReadonlySet<string>
  readonly #left = new Recent<Recent<string>>({
    countMax: persistedTenantsMax,
    lengthMax: persistedTenantsMax,
    lengthOf: () => 1,
  })
  found = 0
  notFound = 0
  kept = 0

  constructor(manifest: Manifest = { documents: new Map(), only: false }) {
    this.#manifest = manifest
    this.#listed = new Set(manifest.documents.values())
  }

  /** Documents that clients have left. */
  get count(): number {
    let count = 0
    for (const documents of this.#left.values()) count += documents.count
    return count
  }

  /** The document's text. Throws `PersistedQueryNotFound` or `Invalid`. */
  textOf({ access, document, documentId }: DocumentRequest): string {
    if (document !== undefined) return this.#sent(document, documentId)
    if (documentId === undefined) {
      throw new Invalid({ what: "query", message: "The parameter query must be a text." })
    }
    const text = this.#manifest.documents.get(documentId) ?? this.#leftBy(access)?.use(documentId)
    if (text === undefined) {
      this.notFound += 1
      throw new PersistedQueryNotFound({ message: "PersistedQueryNotFound" })
    }
    this.found += 1
    return text
  }

  /** Keeps a document that came with its hash; called once it is known to be valid. */
  keep({ access, document, documentId }: DocumentRequest): void {
    if (document === undefined || documentId === undefined) return
    if (this.#manifest.only || document.length > persistedLengthMax) return
    const documents = this.#leftBy(access) ?? left()
    if (documents.find(documentId) === document) return
    documents.keep(documentId, document)
    this.#left.keep(nameOf(access), documents)
    this.kept += 1
  }

  #sent(document: string, documentId: string | undefined): string {
    if (this.#manifest.only && !this.#listed.has(document)) throw notListed()
    const isListed =
      documentId !== undefined && this.#manifest.documents.get(documentId) === document
    if (documentId !== undefined && !isListed && hash("sha256", document) !== documentId) {
      const message = "The hash is not the SHA-256 of the document."
      throw new Invalid({ what: "persistedQuery", message })
    }
    return document
  }

  #leftBy(access: Access): Recent<string> | undefined {
    return this.#left.use(nameOf(access))
  }
}

/** No tenant has this name. */
const nameOf = ({ tenant }: Access): string => tenant ?? "*"

const notListed = () =>
  new Invalid({
    what: "query",
    message: "This node executes the documents of its manifest only.",
    next: "Send the id of one that is listed.",
  })
