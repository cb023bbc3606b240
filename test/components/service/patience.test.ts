import { describe, expect, test } from "vitest";
import { keepsFromLeaving } from "../../../components/chain/leave.js";
import { look, nextLookMs, type Look, type Seen } from "../../../components/service/patience.js";

const calm = { trouble: null, rehearsed: false, registered: false, transactions: [], models: [] };
const troubled = (code: string, more: object = {}): Look => ({
  status: { ...calm, trouble: { code, summary: "it is down", fix: "wait." }, ...more },
});
const silence: Look = { silence: { code: "LF1321", summary: "it cannot start", fix: "mend it." } };
const quiet: Look = { status: calm };
const mined: Look = troubled("LF1405", { rehearsed: true });

describe("how long a sidecar has been in trouble", () => {
  /** Looks that are a second apart. */
  const after = (looks: readonly Look[], counts?: (code: string) => boolean): number => {
    let seen: Seen | undefined;
    for (const [second, one] of looks.entries())
      seen = look(seen, second * 1_000, one, { ms: 60_000, ...(counts === undefined ? {} : { counts }) });
    return seen!.troubledMs;
  };

  test.each<[string, readonly Look[], number]>([
    ["is counted from the second look on", [quiet, troubled("LF1405"), troubled("LF1405")], 2_000],
    ["does not count while it says nothing of trouble", [quiet, quiet, quiet], 0],
    [
      "is not forgotten by a step that is only tried again",
      [quiet, troubled("LF1460"), quiet, troubled("LF1460")],
      2_000,
    ],
    ["begins anew when the worker came further", [quiet, troubled("LF1405"), troubled("LF1405"), mined, mined], 1_000],
    ["counts a sidecar that does not answer, from how far it had come", [mined, silence, silence, mined], 3_000],
  ])("%s", (_, looks, ms) => expect(after(looks)).toBe(ms));

  test("counts only the troubles that matter here", () => {
    expect(after([quiet, troubled("LF1440"), troubled("LF1405")], keepsFromLeaving)).toBe(1_000);
  });
});

test.each([
  ["LF1238", true],
  ["LF1320", true],
  ["LF1404", true],
  ["LF1405", true],
  ["LF1412", true],
  ["LF1430", false],
  ["LF1441", false],
  ["LF1461", false],
  ["LF1473", false],
])("%s keeps a worker from leaving: %s", (code, keeps) => expect(keepsFromLeaving(code)).toBe(keeps));

test.each([
  [0, 200],
  [2_000, 200],
  [10_000, 1_000],
  [600_000, 2_000],
])("after %i ms the next look is %i ms away", (waited, pause) => {
  expect(nextLookMs(waited)).toBe(pause);
});
