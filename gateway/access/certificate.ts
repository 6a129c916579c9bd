/**
 * The node's certificate and key, read from two files, and read again when they change or when it
 * is asked for. A pair that cannot be used is told about and not taken: the one in use stays.
 */
import { readFileSync, statSync } from "node:fs"
import { createSecureContext, type SecureContextOptions } from "node:tls"
import { Invalid } from "../../protocols/errors.ts"
import { certificateBytesMax } from "../../protocols/limits.ts"

export interface CertificateFiles {
  /** The chain, the node's own first, as PEM. */
  readonly cert: string
  /** Its private key, as PEM without a passphrase. */
  readonly key: string
}

export type SecureOptions = SecureContextOptions & { readonly minVersion: "TLSv1.2" }

/** Throws `Invalid`, with the file's name and nothing of what is in it. */
export function readCertificate(files: CertificateFiles): SecureOptions {
  const options: SecureOptions = {
    cert: contentOf(files.cert, "certificate"),
    key: contentOf(files.key, "key"),
    minVersion: "TLSv1.2",
  }
  try {
    createSecureContext(options)
    return options
  } catch {
    const message = `${files.cert} and ${files.key} are no certificate and its key, both as PEM.`
    throw new Invalid({ what: "tls", message, next: "Name others with --tls-cert and --tls-key." })
  }
}

function contentOf(path: string, what: string): Buffer {
  const next = `Name another with --tls-${what === "key" ? "key" : "cert"}.`
  const refused = (why: string) =>
    new Invalid({ what: "tls", message: `The ${what} ${path} ${why}.`, next })
  try {
    if (statSync(path).size > certificateBytesMax) {
      throw refused(`has more than ${certificateBytesMax} bytes`)
    }
    return readFileSync(path)
  } catch (error) {
    throw error instanceof Invalid ? error : refused("cannot be read")
  }
}

/** Equal while neither file changes; empty where one is not there. */
export function versionOf({ cert, key }: CertificateFiles): string {
  try {
    return [cert, key]
      .map((path) => statSync(path))
      .map(({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`)
      .join(", ")
  } catch {
    return ""
  }
}
