import { expect, test } from "vitest";
import { lifeOf } from "../../../sidecar/adapters/gateway-login.js";

const minutes = 60_000;
const made = Date.parse("2026-03-01T12:00:00Z");

test.each<[string, endsAt: string | undefined, madeAtMs: number | null, lifeMs: number]>([
  ["from its maker's date to its end", "2026-03-01T13:00:00Z", made, 60 * minutes],
  ["as short as it says", "2026-03-01T12:04:00Z", made, 4 * minutes],
  ["assumed, when it does not say when it ends", undefined, made, 30 * minutes],
  ["assumed, when its end is no date", "soon", made, 30 * minutes],
  ["assumed, when its maker does not say what time it is", "2026-03-01T13:00:00Z", null, 30 * minutes],
  ["assumed, when it would have ended before it was made", "2026-03-01T11:00:00Z", made, 30 * minutes],
])("a token's life is %s", (_, endsAt, madeAtMs, lifeMs) => expect(lifeOf(endsAt, madeAtMs)).toBe(lifeMs));
