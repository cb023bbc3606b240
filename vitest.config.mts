import { defineConfig } from "vitest/config";

/**
 * Two projects: `fast` starts no server and no child process, and is the inner loop: its files share their imports, which would take longer than
 * the tests. `real` runs on geth, Ollama and the Pulumi engine, two files at a time because two cores are all it may count on.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "fast",
          include: ["test/**/*.test.ts"],
          exclude: ["test/real/**", "node_modules/**"],
          isolate: false,
          maxWorkers: 2,
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "real",
          include: ["test/real/**/*.test.ts"],
          maxWorkers: 2,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
