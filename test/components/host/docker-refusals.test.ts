import { expect, test } from "vitest";
import { parseAnswer } from "../../../components/host/host-program.js";
import { isRefusal } from "../../../components/host/docker/start.js";

test.each([
  [1, "", "Error response from daemon: Container 5d41 is restarting, wait until the container is running"],
  [1, "", "unable to upgrade to tcp, received 409"],
  [126, "", "cannot exec in a stopped state: unknown"],
  [126, "cannot exec in a stopped state: unknown", ""],
  [126, "OCI runtime exec failed: exec failed: unable to start container process", ""],
  [126, "", "OCI runtime exec failed: exec failed: unable to start container process"],
  [137, "", ""],
  [0, "", ""],
])("code %i with %j and %j is the engine's refusal: the container was down, or went down", (code, stdout, stderr) => {
  expect(isRefusal({ code, stdout, stderr })).toBe(true);
});

test("what a program says of its own failure is none", () => {
  expect(isRefusal({ code: 1, stdout: "", stderr: "node: cannot find module" })).toBe(false);
});

test.each([
  "",
  "exec failed: unable to start container process: error writing config to pipe",
  'OCI runtime exec failed: {"root":"/"}',
])("%j on its output is no answer of the host program's", (said) => expect(parseAnswer(said)).toBeUndefined());
