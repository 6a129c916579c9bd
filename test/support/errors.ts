import { codeOfEdgeCode } from "../../protocols/errors.ts"

/** Is it one of the stable codes of the catalogue, as the edge shows them? */
export const isErrorCode = (code: unknown): boolean => codeOfEdgeCode(code) !== undefined
