/** graphql-yoga with the same schema, resolvers and graph. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as Effect from "effect/Effect"
import { type ExecutionArgs, execute } from "graphql"
import { createYoga } from "graphql-yoga"
import { openAccess } from "../../gateway/access/access.ts"
import { QueryContext } from "../../gateway/context.ts"
import { servedSchema } from "../../gateway/schema.ts"
import { openGraphReads } from "../../stores/index.ts"
import { runMain } from "../../test/support/run-main.ts"
import { idleMillisMax, serveParent } from "./contestant-child.ts"
import { tenant } from "./graph.ts"

type Run = (args: ExecutionArgs) => unknown

const [path = ""] = process.argv.slice(2)

runMain(
  Effect.gen(function* () {
    const reads = yield* openGraphReads(path)
    const access = openAccess(tenant)
    const yoga = createYoga({
      schema: servedSchema(),
      // The context has private members, which the one that Yoga puts together would lack.
      plugins: [
        {
          onExecute: ({ setExecuteFn }: { readonly setExecuteFn: (run: Run) => void }) =>
            setExecuteFn((args) =>
              execute({ ...args, contextValue: new QueryContext({ reads }, access) }),
            ),
        },
      ],
      graphiql: false,
      logging: false,
    })
    const server = createServer(yoga)
    server.keepAliveTimeout = idleMillisMax
    server.listen(0, "127.0.0.1", () => serveParent(server.address() as AddressInfo))
    yield* Effect.never
  }),
)
