import { defineConfig } from "vitest/config";

/**
 * Two projects: `fast` starts no server and no child process, and is the inner loop; `real` runs on geth, Ollama and the Pulumi
 * engine, one file at a time because two cores are all it may count on.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "fast",
          include: ["test/**/*.test.ts"],
          exclude: ["test/real/**", "node_modules/**"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "real",
          include: ["test/real/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
