import { expect, test } from "vitest";
import { afterExit } from "../../host/supervisor/restart-policy.js";

test.each([
  [
    "a program that ended because it was asked to stays down",
    { code: 0, ranMs: 5, failures: 0 },
    { then: "stay-down", as: "stopped", failures: 0 },
  ],
  [
    "a misconfigured program stays down, however often it failed before",
    { code: 78, ranMs: 5, failures: 7 },
    { then: "stay-down", as: "refused", failures: 0 },
  ],
  [
    "a first crash comes back after a second",
    { code: 1, ranMs: 5, failures: 0 },
    { then: "restart", afterMs: 1_000, failures: 1 },
  ],
  [
    "a program that asks to be tried again comes back",
    { code: 75, ranMs: 5, failures: 0 },
    { then: "restart", afterMs: 1_000, failures: 1 },
  ],
  [
    "a program that a signal ended comes back",
    { code: null, ranMs: 5, failures: 0 },
    { then: "restart", afterMs: 1_000, failures: 1 },
  ],
  [
    "each failure in a row doubles the pause",
    { code: 1, ranMs: 5, failures: 3 },
    { then: "restart", afterMs: 8_000, failures: 4 },
  ],
  ["the pause has a limit", { code: 1, ranMs: 5, failures: 40 }, { then: "restart", afterMs: 60_000, failures: 41 }],
  [
    "a minute of health forgets earlier failures",
    { code: 1, ranMs: 60_000, failures: 9 },
    { then: "restart", afterMs: 1_000, failures: 1 },
  ],
] as const)("%s", (_, exit, expected) => expect(afterExit(exit)).toEqual(expected));
