// Ends with 0 where the node on this machine says that it is well. Its own certificate need not
// name the loopback address.
import { get as getPlain } from "node:http"
import { get as getOverTls } from "node:https"

const { INTELGRAPH_PORT: port = "4000", INTELGRAPH_TLS_CERT: cert } = process.env
const [scheme, get] = cert === undefined ? ["http", getPlain] : ["https", getOverTls]

get(
  `${scheme}://127.0.0.1:${port}/healthz`,
  { rejectUnauthorized: false, timeout: 4_000 },
  ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1),
)
  .on("timeout", () => process.exit(1))
  .on("error", () => process.exit(1))
