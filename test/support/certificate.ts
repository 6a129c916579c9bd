/**
 * Self-signed certificates for tests, written as DER (X.690, RFC 5280): a new key for each test,
 * and none in the repository.
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"

const der = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts)
  const { length } = content
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
const sequence = (...parts: readonly Uint8Array[]) => der(0x30, ...parts)
const objectId = (hex: string) => der(0x06, Buffer.from(hex, "hex"))
const utcTime = (date: Date) =>
  der(
    0x17,
    Buffer.from(
      `${date
        .toISOString()
        .replaceAll(/[-:T]|\.\d+/g, "")
        .slice(2)}`,
    ),
  )

const ecdsaWithSha256 = sequence(objectId("2a8648ce3d040302"))
const commonName = objectId("550403")
const subjectAltName = objectId("551d11")

const nameOf = (name: string) =>
  sequence(der(0x31, sequence(commonName, der(0x0c, Buffer.from(name)))))

export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** For `localhost` and 127.0.0.1; `name` tells one from another. */
export function makeCertificate(name: string): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const names = sequence(
    der(0x82, Buffer.from("localhost")),
    der(0x87, Buffer.from([127, 0, 0, 1])),
  )
  const day = 86_400_000
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    nameOf(name),
    sequence(utcTime(new Date(Date.now() - day)), utcTime(new Date(Date.now() + 365 * day))),
    nameOf(name),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(sequence(subjectAltName, der(0x04, names)))),
  )
  return { cert: pem("CERTIFICATE", signed(body, privateKey)), key: pemOf(privateKey) }
}

const signed = (body: Buffer, key: KeyObject) =>
  sequence(body, ecdsaWithSha256, der(0x03, Buffer.from([0]), sign("sha256", body, key)))

const pem = (label: string, bytes: Buffer) =>
  `-----BEGIN ${label}-----\n${bytes.toString("base64")}\n-----END ${label}-----\n`

const pemOf = (key: KeyObject) => String(key.export({ type: "pkcs8", format: "pem" }))

/** Writes both files into a folder. */
export function writeCertificate(folder: string, { cert, key }: Certificate) {
  const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") }
  writeFileSync(files.cert, cert)
  writeFileSync(files.key, key, { mode: 0o600 })
  return files
}
