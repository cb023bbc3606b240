import { pino } from "pino";
import { describe, expect, test } from "vitest";
import type { ProofKind } from "../../../protocol/blob-transaction.js";
import { KzgUnavailable } from "../../../sidecar/failures.js";
import { createWrapping } from "../../../sidecar/transactions/wrapping.js";
import { simulatedBlobs } from "../../simulation/account/signer.js";

/** @param says what the node answers, question by question, the last one for ever; an error: it cannot be asked */
function wrappingWith(
  says: readonly (ProofKind | null | Error)[],
  {
    proofs = "auto",
    prove = simulatedBlobs.prove,
  }: { proofs?: "auto" | ProofKind; prove?: typeof simulatedBlobs.prove } = {},
) {
  let asked = 0;
  const blobProofs = async (): Promise<ProofKind | null> => {
    const answer = says[Math.min(asked++, says.length - 1)] ?? null;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const made: ProofKind[] = [];
  const counting: typeof prove = (blob, kind) => {
    made.push(kind);
    return prove(blob, kind);
  };
  const blobs = { build: simulatedBlobs.build, prove: counting };
  return { wrapping: createWrapping({ node: { blobProofs }, blobs, proofs, log: pino({ level: "silent" }) }), made };
}
const payload = Uint8Array.of(1, 2, 3);
const kindsWanted = async (says: Parameters<typeof wrappingWith>[0]) => {
  const { wrapping } = wrappingWith(says);
  const kinds: ProofKind[] = [];
  while (kinds.length < says.length) kinds.push(await wrapping.wanted());
  return kinds;
};

describe("a blob's proofs", () => {
  test("are those that the node asks for, each time anew", async () => {
    expect(await kindsWanted(["blob", "cells", "blob"])).toEqual(["blob", "cells", "blob"]);
  });
  test("are one of the whole blob for a node that says nothing, and has refused none", async () => {
    expect(await kindsWanted([null, null])).toEqual(["blob", "blob"]);
  });
  test("stay what was asked for last when the node cannot be asked, or does not know the question any more", async () => {
    expect(await kindsWanted(["cells", new Error("down"), null])).toEqual(["cells", "cells", "cells"]);
  });

  test.each<[says: ProofKind | null, may: boolean]>([
    ["blob", false],
    ["cells", true],
    [null, true],
  ])("may be those of its cells unless the node says otherwise: %s", async (says, may) => {
    expect(await wrappingWith([says]).wrapping.mayWantCells()).toBe(may);
  });

  test.each<ProofKind>(["blob", "cells"])("are made once, and kept while proofs of its %s are wanted", async (kind) => {
    const { wrapping, made } = wrappingWith([kind]);
    const { sidecar } = await wrapping.build(payload);
    expect(sidecar).toMatchObject({ kind, proofs: { length: kind === "cells" ? 128 : 1 } });
    expect(await wrapping.asWanted(sidecar)).toBe(sidecar);
    expect(made).toEqual([kind]);
  });

  test("are made anew when others are wanted than it has; the blob stays", async () => {
    const { wrapping } = wrappingWith(["blob", "cells"]);
    const { sidecar } = await wrapping.build(payload);
    const { blob, commitment } = sidecar;
    expect(await wrapping.asWanted(sidecar)).toMatchObject({
      blob,
      commitment,
      kind: "cells",
      proofs: { length: 128 },
    });
  });

  test("are the others after a refusal, and stay so for a node that says nothing", async () => {
    const { wrapping } = wrappingWith([null]);
    const { sidecar } = await wrapping.build(payload);
    expect(await wrapping.afterRefusal(sidecar)).toMatchObject({ kind: "cells" });
    expect(await wrapping.wanted()).toBe("cells");
  });

  test("are the others after a refusal though the node goes on saying so, until it says something else", async () => {
    const { wrapping } = wrappingWith(["blob", "blob", "cells", "blob"]);
    const { sidecar } = await wrapping.build(payload);
    await wrapping.afterRefusal(sidecar);
    expect([await wrapping.wanted(), await wrapping.wanted(), await wrapping.wanted()]).toEqual([
      "cells",
      "cells",
      "blob",
    ]);
  });

  test.each<ProofKind>(["blob", "cells"])("are of its %s for ever when the settings say so", async (proofs) => {
    const { wrapping } = wrappingWith(["blob", "cells"], { proofs });
    const { sidecar } = await wrapping.build(payload);
    expect(sidecar.kind).toBe(proofs);
    expect(await wrapping.afterRefusal(sidecar)).toBeNull();
    expect(await wrapping.wanted()).toBe(proofs);
  });

  test("that cannot be made leave it with those it has, and never fail what is sent beside it", async () => {
    const prove: typeof simulatedBlobs.prove = (blob, kind) =>
      kind === "cells" ? Promise.reject(new KzgUnavailable(new Error("died"))) : simulatedBlobs.prove(blob, kind);
    const { wrapping } = wrappingWith(["blob", "cells"], { prove });
    const { sidecar } = await wrapping.build(payload);
    expect(await wrapping.asWanted(sidecar)).toBe(sidecar);
    expect(await wrapping.afterRefusal(sidecar)).toBeNull();
    await expect(wrapping.build(payload)).rejects.toMatchObject({ code: "LF1411" });
  });
});
