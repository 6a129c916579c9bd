export * from "./actors.ts"
export * from "./prometheus.ts"
export * from "./registry.ts"
export * from "./turns.ts"
