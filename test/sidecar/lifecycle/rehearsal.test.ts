import { expect, test } from "vitest";
import { covers, parseRehearsal, rehearsalFingerprint, rehearsalLine } from "../../../sidecar/lifecycle/rehearsal.js";
import { gemma, llama } from "../../lifecycle/situations.js";
import { settingsOf } from "../../simulation/simulation.js";

const fingerprint = rehearsalFingerprint(settingsOf(), { host: "here" });
const both = { fingerprint, answerMs: 1_234.5, models: [llama, gemma] };

test("a rehearsal is kept in one line and read again", () =>
  expect(parseRehearsal(rehearsalLine(both))).toEqual({ ...both, answerMs: 1_235 }));

test("it stands for every model that answered, and for fewer of them; not for another one, nor for another host", () => {
  const other = rehearsalFingerprint(settingsOf(), { host: "there" });
  expect(covers(both, fingerprint, [llama, gemma])).toBe(true);
  expect(covers(both, fingerprint, [gemma])).toBe(true);
  expect(covers({ ...both, models: [llama] }, fingerprint, [llama, gemma])).toBe(false);
  expect(covers(both, other, [llama])).toBe(false);
  expect(covers(undefined, fingerprint, [])).toBe(false);
});

test("a line from before models were kept asks for another rehearsal", () =>
  expect(covers(parseRehearsal(`${fingerprint} 1235`), fingerprint, [llama])).toBe(false));
