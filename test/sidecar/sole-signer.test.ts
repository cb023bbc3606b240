import { describe, expect, test } from "vitest";
import type { SignableTransaction } from "../../keystore/store.js";
import type { KeyUse } from "../../sidecar/ports.js";
import { soleSigner } from "../../sidecar/sole-signer.js";

const worker = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

/** A signer under guard, on a clock that the test moves. */
function guarded(answers: { use: KeyUse; takesMs?: number }) {
  let now = 0;
  let looks = 0;
  const signer = soleSigner(
    {
      address: worker,
      signTransaction: async () => "0x01",
      signMessage: async () => "0x02",
    },
    {
      clock: { now: () => now, sleep: async () => undefined },
      use: async () => {
        looks++;
        now += answers.takesMs ?? 0;
        return answers.use;
      },
    },
  );
  return { signer, looks: () => looks, pass: (ms: number) => (now += ms), answers };
}
const transaction = {} as SignableTransaction;
const message = new Uint8Array(32);

describe("a signature", () => {
  test("comes out when nobody else has used the key, and one look at the chain serves for a moment", async () => {
    const { signer, looks, pass } = guarded({ use: "ours" });
    expect([await signer.signTransaction(transaction), await signer.signMessage(message)]).toEqual(["0x01", "0x02"]);
    expect(looks()).toBe(1);
    pass(1_001);
    await signer.signMessage(message);
    expect(looks()).toBe(2);
  });

  test("stays in after a pause in which another holder has used the key", async () => {
    const { signer, pass, answers } = guarded({ use: "ours" });
    await signer.signMessage(message);
    pass(10_000);
    answers.use = "foreign";
    await expect(signer.signMessage(message)).rejects.toThrow("used elsewhere");
    await expect(signer.signTransaction(transaction)).rejects.toThrow("used elsewhere");
  });

  test("stays in when the process was paused while the chain answered: that answer is old", async () => {
    const { signer, answers } = guarded({ use: "ours", takesMs: 60_000 });
    await expect(signer.signMessage(message)).rejects.toThrow("LF1405");
    answers.takesMs = 0;
    expect(await signer.signMessage(message)).toBe("0x02");
  });

  test("of an answer stays in while it is unclear whose a nonce is; one of a transaction does not, for the nonce decides", async () => {
    const { signer } = guarded({ use: "unclear" });
    expect(await signer.signTransaction(transaction)).toBe("0x01");
    await expect(signer.signMessage(message)).rejects.toThrow("not clear");
  });
});
