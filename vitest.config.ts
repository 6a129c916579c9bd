import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/real/**"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // One second, the default, passes at once where the machine stands still.
    expect: { poll: { timeout: 20_000 } },
    maxWorkers: 2,
    // Files of a worker share their modules: loading Effect anew for each file took most of the
    // time.
    isolate: false,
  },
})
