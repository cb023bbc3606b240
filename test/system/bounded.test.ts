import { expect, test } from "vitest";
import { within } from "../../system/bounded.js";
import { ManualClock, quiet } from "../host/fake-machine.js";

test("work that ends in time is what it came to, and its failure is its own", async () => {
  const clock = new ManualClock();
  await expect(within(1_000, clock, async () => "done")).resolves.toEqual({ inTime: true, value: "done" });
  await expect(within(1_000, clock, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
});

test("work that takes longer is told and left, and what it comes to later harms nobody", async () => {
  const clock = new ManualClock();
  const { promise, reject } = Promise.withResolvers<string>();
  let wasTold = false;
  const bounded = within(1_000, clock, (signal) => {
    signal.addEventListener("abort", () => (wasTold = true));
    return promise;
  });
  await clock.advance(999);
  expect(wasTold).toBe(false);
  await clock.advance(1);
  await expect(bounded).resolves.toEqual({ inTime: false });
  expect(wasTold).toBe(true);
  reject(new Error("too late to matter"));
  await quiet();
});
