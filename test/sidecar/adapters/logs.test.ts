import fc from "fast-check";
import { expect, test } from "vitest";
import { inChunks } from "../../../sidecar/adapters/logs.js";

test("a log query covers every block exactly once, whatever range the node accepts", async () => {
  const range = fc.tuple(fc.nat(300), fc.nat(300), fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 }));
  await fc.assert(
    fc.asyncProperty(range, async ([from, length, size, most]) => {
      const to = from + length;
      const found = await inChunks("logs", { from: BigInt(from), to: BigInt(to), size }, async (start, end) => {
        if (end - start + 1n > BigInt(most)) throw new Error("query returned more than 10000 results");
        return Array.from({ length: Number(end - start) + 1 }, (_, index) => Number(start) + index);
      });
      expect(found).toEqual(Array.from({ length: length + 1 }, (_, index) => from + index));
    }),
    { numRuns: 100 },
  );
});

test("nothing is asked for an empty range", async () =>
  expect(await inChunks("logs", { from: 5n, to: 4n, size: 10 }, () => Promise.reject(new Error("asked")))).toEqual([]));

test.each(["connect ECONNREFUSED https://rpc.example/secret-key", "Too Many Requests"])(
  'after "%s" it asks for no less',
  async (words) => {
    let asked = 0;
    const query = (): Promise<never[]> => {
      asked++;
      return Promise.reject(new Error(words));
    };
    const failed = inChunks("session requests", { from: 0n, to: 9n, size: 10 }, query);
    await expect(failed).rejects.toMatchObject({ code: "LF1405" });
    await expect(failed).rejects.toSatisfy((error: Error) => !String(error.cause).includes("secret-key"));
    expect(asked).toBe(1);
  },
);
