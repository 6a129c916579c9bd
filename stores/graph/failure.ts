/** What a store's thread says of a request that failed, and the error of the catalogue for it. */
import { DiskFull, StoreFailed, Unavailable } from "../../protocols/errors.ts"
import { retryMillisMax } from "../../protocols/limits.ts"

/** A failure as plain data: it crosses from the writer's thread. */
export interface Failure {
  readonly tag: "StoreFailed" | "DiskFull" | "Unavailable"
  readonly message: string
}

/** `store` is what people know it by: a path, a server. */
export function errorOfFailure(failure: Failure, store: string) {
  const { tag, message } = failure
  switch (tag) {
    case "DiskFull":
      return new DiskFull({ path: store, message })
    case "Unavailable":
      return new Unavailable({ message, retryAfterMillis: retryMillisMax })
    case "StoreFailed":
      return new StoreFailed({ store, message })
  }
}
