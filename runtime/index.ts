/** The public face of the runtime: how actors run, and the ports they stand on. */
export type * from "./core/actor.ts"
export * from "./core/host.ts"
export * from "./core/log.ts"
export * from "./core/state.ts"
