import { z } from "zod";

const entrySchema = z.strictObject({ what: z.string(), seed: z.number().int(), wrong: z.array(z.string()) });
/** One situation that was played. */
export type SoakEntry = z.infer<typeof entrySchema>;

/** A whole run. */
export interface SoakRun {
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

/** A run for `docs/soak.md`: what was played how often, and every seed that violated something. */
export function render({ commit, rounds, seed, minutes, isGreen, entries }: SoakRun): string {
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
    "# Soak",
    "",
    "What `npm run soak` saw last. Each situation is played on real processes: a chain, Ollama, the engine, and a sidecar.",
    "After a sidecar was killed with SIGKILL at a stage of a job, that job must be completed and verified, once: one ciphertext, one blob, and exactly the four transactions",
    "that a job takes. After an engine was interrupted at one resource of an `up` and at one of a `destroy`, by one of five signals, and taken up again by one of two ways, exactly",
    "one funding, one registration and one sweep must be mined, and everything be back. When a worker's disk was copied in the middle of a job and both copies ran on, nobody may",
    "have signed a second answer.",
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
