import { encodeErrorResult } from "viem";
import { expect, test } from "vitest";
import { workerRegistryAbi } from "../../abi/worker-registry.js";
import { decodeRevert } from "../../abi/revert.js";
import { SendRefused } from "../../lifecycle/errors.js";
import { purposeId } from "../../lifecycle/purpose.js";
import { reverts } from "../../lifecycle/reverts.js";
import { errorRows } from "../abi/fixtures/selectors.js";

const worker = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const purpose = purposeId({ chainId: 8200, worker, kind: "deregister", generation: 1 });

test("each error of the network's contracts has an entry", () => {
  const names = errorRows.map(([, signature]) => signature.split("(")[0]);
  expect(Object.keys(reverts).sort()).toEqual([...new Set(names)].sort());
});

test("a refused transaction says the contract's error, what it means and what to do, under the error's own code", () => {
  const data = encodeErrorResult({ abi: workerRegistryAbi, errorName: "ActiveJobsExist", args: [worker, 2n] });
  const refused = new SendRefused(purpose, decodeRevert(data));
  expect(refused).toMatchObject({ code: "LF1701", reason: `ActiveJobsExist(${worker}, 2)` });
  expect(refused.message).toContain("cannot leave while jobs of its are not released");
  expect(refused.fix).toContain("pulumi destroy");
});

test("what a contract does not declare, and what the node itself says, keeps the common code", () => {
  const stranger = new SendRefused(purpose, decodeRevert("0xdeadbeef"));
  expect(stranger).toMatchObject({ code: "LF1230", reason: "an unknown error (0xdeadbeef)" });
  expect(new SendRefused(purpose, "insufficient funds")).toMatchObject({
    code: "LF1230",
    reason: "insufficient funds",
  });
});
