import type { ErrorCode } from "../../protocols/errors.ts"
import { catalogue } from "../../protocols/errors.ts"

/** Is it one of the stable codes of the catalogue? */
export const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === "string" && Object.hasOwn(catalogue, code)
