import { expect, test } from "vitest";
import { OtherMode } from "../../devnet/errors.js";
import { newAccounts, setupCalls } from "../../devnet/first-start.js";
import { modeOf, networkModes, requireMode } from "../../devnet/mode.js";

const setupFor = (mode: (typeof networkModes)[number]) =>
  setupCalls(newAccounts(), [], { sortition: mode === "sortition" });

test.each(networkModes)("a set-up in %s mode is known for it, and for nothing else", (mode) => {
  const calls = setupFor(mode);
  expect(modeOf(calls)).toBe(mode);
  expect(() => requireMode("dir", calls, mode)).not.toThrow();
  expect(() => requireMode("dir", calls, undefined)).not.toThrow();
  const other = networkModes.find((name) => name !== mode);
  expect(() => requireMode("dir", calls, other)).toThrow(OtherMode);
});

test("a set-up that says nothing is in sortition mode, and names the dispatcher's own account", () => {
  const accounts = newAccounts();
  const calls = setupCalls(accounts, []);
  expect(modeOf(calls)).toBe("sortition");
  const dispatcher = accounts.dispatcher!.address.slice(2).toLowerCase();
  expect(calls[0]!.data).toContain(dispatcher);
});
