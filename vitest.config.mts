import { defineConfig } from "vitest/config";

/** The suites of hosts that are reached over a network, and of what they stand on: they need a Docker engine. */
const hosts = ["machines", "hosts", "docker", "plugins"].map((folder) => `test/real/${folder}/**/*.test.ts`);

/** The same in an emulated AWS, whose instances are such machines. */
const aws = ["test/real/aws/**/*.test.ts"];

/** Files at a time of tests on real parts. Two cores are all that they may count on, and a file waits for blocks and machines half of its time. */
const maxWorkers = 3;

/**
 * Four projects: `fast` starts no server and no child process, and is the inner loop: its files share their imports, which would take longer than
 * the tests. `real` runs on geth, Ollama and the Pulumi engine. `hosts` is of that kind too, on computers that are Docker containers; the engine is seen to once for all of them. So is `aws`.
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
          exclude: [...hosts, ...aws, "node_modules/**"],
          maxWorkers,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      ...Object.entries({ hosts, aws }).map(([name, include]) => ({
        test: {
          name,
          include,
          globalSetup: "test/real/machines/setup.ts",
          maxWorkers,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      })),
    ],
  },
});
