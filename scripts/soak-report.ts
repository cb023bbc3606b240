import { z } from "zod";

const entrySchema = z.strictObject({ what: z.string(), seed: z.number().int(), wrong: z.array(z.string()) });
/** One situation that was played. */
export type SoakEntry = z.infer<typeof entrySchema>;

/** What is played: a folder or file of tests, and how it is told of. */
export interface SoakSuite {
  /** Heading of its part of the report. */
  readonly title: string;
  /** Below the root. */
  readonly tests: string;
  /** The project of Vitest's that it is in. */
  readonly project: "real" | "aws";
  /** How often each of its situations is played. */
  readonly rounds: number;
  /** What is played, and what must hold after each round. */
  readonly about: string;
}

/** Every suite, by the name that `--suite` takes. */
export const suites = {
  kills: {
    title: "A sidecar is killed at each stage of a job",
    tests: "test/real/sidecar/kills",
    project: "real",
    rounds: 20,
    about:
      "A chain, Ollama, and a sidecar that is killed with SIGKILL. After each the job must be completed and verified, once: one ciphertext, one blob, and exactly the four transactions that a job takes.",
  },
  holders: {
    title: "Several holders of one key",
    tests: "test/real/sidecar/holders",
    project: "real",
    rounds: 20,
    about:
      "A worker's disk is copied in the middle of a job, an old copy restored, a second process started, a paused holder woken after another has taken over, or a new host goes on; and all of them run on. Nobody may have signed a second answer, and the answer that was delivered must verify.",
  },
  engine: {
    title: "An engine is interrupted on the way in and on the way out",
    tests: "test/real/e2e/killed/rounds.test.ts",
    project: "real",
    rounds: 90,
    about:
      "The real engine is interrupted at one resource of an `up` and at one of a `destroy`: six resources, three moments, five signals, in ever other pairs; then `fleet repair` or plain `pulumi` takes it up again, also from another checkout. Exactly one funding, one registration and one sweep must be mined, and everything be back.",
  },
  aws: {
    title: "An engine is killed wherever a worker in AWS comes into being or goes",
    tests: "test/real/aws/interrupted.test.ts",
    project: "aws",
    rounds: 1,
    about:
      "One stack in an emulated AWS whose machines boot. Each `up` is killed where none was killed before: when a resource is begun, when it is done, and when AWS has made something and not answered yet; then each `destroy`. Exactly one funding, registration and sweep must be mined, one machine and disk be there, and in the end nothing.",
  },
} as const satisfies Readonly<Record<string, SoakSuite>>;
/** What `--suite` takes. */
export type SuiteName = keyof typeof suites;

/** One run of one suite. */
export interface SoakRun {
  readonly suite: SuiteName;
  readonly commit: string;
  readonly rounds: number;
  readonly seed: number;
  readonly minutes: number;
  /** Every test ended, and none was red. */
  readonly isGreen: boolean;
  readonly entries: readonly SoakEntry[];
}

/** Reads the tests' report: one entry a line. @throws ZodError */
export const entriesOf = (text: string): SoakEntry[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => entrySchema.parse(JSON.parse(line)));

/** The part of `docs/soak.md` about one run: what was played how often, and every seed that violated something. Pure. */
export function renderRun({ suite, commit, rounds, seed, minutes, isGreen, entries }: SoakRun): string {
  const { title, about } = suites[suite];
  const kinds = [...new Set(entries.map(({ what }) => what))];
  const rows = kinds.map((kind) => {
    const played = entries.filter(({ what }) => what === kind);
    const violated = played.filter(({ wrong }) => wrong.length > 0);
    const seeds = played.map((entry) => entry.seed);
    return `| ${kind} | ${played.length} | ${Math.min(...seeds)}–${Math.max(...seeds)} | ${violated.length} |`;
  });
  const violations = entries
    .filter(({ wrong }) => wrong.length > 0)
    .map((entry) => `- ${entry.what}, seed ${entry.seed}: ${entry.wrong.join("; ")}`);
  return [
    `## ${title}`,
    "",
    about,
    "",
    `Commit ${commit} · ${rounds} rounds from seed ${seed} · ${minutes.toFixed(0)} min · ${isGreen ? "green" : "red"}`,
    "",
    "| situation | played | seeds | violations |",
    "| --- | --- | --- | --- |",
    ...rows,
    ...(violations.length > 0 ? ["", ...violations] : []),
    "",
  ].join("\n");
}

const head =
  "# Soak\n\nWhat `npm run soak` saw last, suite by suite. `npm test` plays each of these situations once or a few times.\n";

/** The report with one suite's part put in or replaced; the others stay as they were. Pure. */
export function withRun(report: string, run: SoakRun): string {
  const parts = report.split(/^(?=## )/m).slice(1);
  return [
    head,
    ...Object.entries(suites).flatMap(([name, { title }]) => {
      const known = parts.find((part) => part.startsWith(`## ${title}\n`));
      const part = name === run.suite ? renderRun(run) : known?.trimEnd().concat("\n");
      return part === undefined ? [] : [part];
    }),
  ].join("\n");
}
