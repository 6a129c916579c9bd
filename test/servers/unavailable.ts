/** A server could not be had, for a reason that its message tells: what lacks, or its own words. */
export class ServerUnavailable extends Error {
  override readonly name = "ServerUnavailable"
}
