/** A receipt as clients see it, the same in GraphQL and as JSON. */
import type { WriteReceipt } from "../../actors/index.ts"
import { edgeCodeOf, nextStep } from "../../protocols/errors.ts"
import { untold } from "./request.ts"

const states = { pending: "PENDING", committed: "COMMITTED", failed: "FAILED" } as const

/** As the type `Receipt` of the schema has it. */
export const shownReceipt = (receipt: WriteReceipt) => {
  const { replayed, fileBytes, fileBytesRead, state, error, ...told } = receipt
  return { ...told, state: states[state], error: error ?? null }
}

/** How far a write has come; `bytes` are those of the upload. */
export const shownProgress = (receipt: WriteReceipt) => {
  const { given, read, accepted, duplicates, refused, deadLettered, pending } = receipt
  const { fileBytes: bytes, fileBytesRead: bytesRead } = receipt
  return { bytes, bytesRead, given, read, accepted, duplicates, refused, deadLettered, pending }
}

/** In place of a receipt, where the answer has begun: the write was taken, nobody tells of it. */
export const shownUntold = () => {
  const error = untold()
  return { message: error.message, code: edgeCodeOf(error._tag), next: nextStep(error) }
}
