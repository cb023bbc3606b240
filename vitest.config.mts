import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The suites of hosts that are reached over a network, and of what they stand on: they need a Docker engine. */
const hosts = ["machines", "hosts", "docker", "plugins"].map((folder) => `test/real/${folder}/**/*.test.ts`);

/** The same in an emulated AWS, whose instances are such machines. */
const aws = ["test/real/aws/**/*.test.ts"];

/** Files at a time of tests on real parts. Two cores are all that they may count on, and a file waits for blocks and machines half of its time. */
const maxWorkers = 3;

/** Files of several minutes begin first: one that came last would run alone in the end. Those in the cloud compute, those over SSH and in Docker wait more: they alternate. */
const longest = [
  "aws/interrupted",
  "hosts/ssh-troubles",
  "docker/life",
  "aws/life",
  "hosts/ssh-changes",
  "e2e/killed/killed-engine",
  "aws/killed-region",
  "docker/troubles",
  "aws/refused",
  "aws/spot",
  "plugins/aws/trouble",
];

/** Deals files of all projects out evenly over a run, instead of one project after the other: the cores are busy all the time then, and never too busy. */
class Dealt extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const ordered = await super.sort(files);
    const place = new Map<TestSpecification, number>();
    for (const { name } of new Set(ordered.map(({ project }) => project))) {
      const own = ordered.filter(({ project }) => project.name === name);
      own.forEach((file, at) => place.set(file, (at + 0.5) / own.length));
    }
    const placeOf = (file: TestSpecification): number => {
      const early = longest.findIndex((path) => file.moduleId.endsWith(`/${path}.test.ts`));
      return early === -1 ? (place.get(file) ?? 1) : early - longest.length;
    };
    return ordered.sort((one, other) => placeOf(one) - placeOf(other));
  }
}

/**
 * Four projects: `fast` starts no server and no child process, and is the inner loop: its files share their imports, which would take longer than
 * the tests. `real` runs on geth, Ollama and the Pulumi engine. `hosts` is of that kind too, on computers that are Docker containers; the engine is seen to once for all of them. So is `aws`.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: Dealt },
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
