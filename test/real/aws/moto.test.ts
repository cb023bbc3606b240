import { describe, expect, test } from "vitest";
import { isPortTaken } from "../../../system/net.js";
import { because } from "../machines/docker-engine.js";
import { noMoto, startMoto } from "./moto.js";

const whyNot = noMoto();

describe.skipIf(whyNot !== undefined)(`the emulated AWS${because(whyNot)}`, () => {
  test("answers on loopback, one beside the other, and is gone when it is stopped", async () => {
    const all = await Promise.all([startMoto(), startMoto()]);
    const ports = all.map(({ endpoint }) => Number(new URL(endpoint).port));
    try {
      expect(new Set(ports).size).toBe(2);
      expect(await Promise.all(ports.map(isPortTaken))).toEqual([true, true]);
    } finally {
      await Promise.all(all.map((aws) => aws.stop()));
    }
    expect(await Promise.all(ports.map(isPortTaken))).toEqual([false, false]);
  });
});
