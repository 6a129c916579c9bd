import { defineConfig } from "vitest/config"

/** Suites that start servers or processes and kill them. `.ci/run` requires all of them. */
export default defineConfig({
  test: {
    include: ["test/real/**/*.test.ts"],
    testTimeout: 120_000,
    // Servers start in hooks: Neo4j takes minutes where other work has the cores.
    hookTimeout: 300_000,
    // One second, the default, passes at once where the machine stands still.
    expect: { poll: { timeout: 20_000 } },
    fileParallelism: false,
  },
})
