/** The public face of the supervisors. */
export { type BackoffBounds, backoffMillis } from "./backoff.ts"
export { type Intensity, type IntensityBounds, judgeIntensity } from "./intensity.ts"
export { decide, supervisor } from "./supervisor.ts"
