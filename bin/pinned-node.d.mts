export const root: string
export const nodeFlags: readonly string[]
export function pinnedNode(): string
export function runPinned(argv: readonly string[]): void
