import { expect, test } from "vitest";
import { reasonIn } from "../../../scripts/rehearsal/engine.js";

const warning = "    warning: home: LF1555: This machine's clock is 24 hours behind the chain's newest block.";
const failure = "    \t* LF1360: Worker home serves with its former bundle 0xab… again.";

test.each<[situation: string, output: string, reason: string]>([
  ["a coded line", failure, "LF1360: Worker home serves with its former bundle 0xab… again."],
  [
    "a warning before it",
    `@ updating..\n${warning}\n${failure}`,
    "LF1360: Worker home serves with its former bundle 0xab… again.",
  ],
  ["none but a warning", `${warning}\nerror: the stack is locked\n`, "error: the stack is locked"],
  ["nothing at all", "\n", "no output"],
])("a failed run that says %s is known by that", (_, output, reason) => expect(reasonIn(output)).toBe(reason));
