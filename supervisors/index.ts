/** The public face of the supervisors. */
export { supervisor } from "./supervisor.ts"
