import { describe, expect, test } from "vitest";
import type { Hash } from "../../../schema/units.js";
import { newsFilter } from "../../../sidecar/adapters/heads.js";

const head = (number: number, branch = "a") => ({ number: BigInt(number), hash: `0x${number}${branch}` as Hash });

describe("a new head", () => {
  test.each<[what: string, answers: ReturnType<typeof head>[], news: boolean[]]>([
    ["is a higher block, once", [head(1), head(1), head(2), head(4)], [true, false, true, true]],
    ["is another block at the same height", [head(5), head(5, "b"), head(5, "b")], [true, true, false]],
    [
      "is not what a node tells that lags now and then",
      [head(5), head(4), head(5), head(4), head(6)],
      [true, false, false, false, true],
    ],
    [
      "is a lower block when the node sticks to it",
      [head(5), head(3, "b"), head(3, "b"), head(4, "b")],
      [true, false, false, true],
    ],
  ])("%s", (_, answers, news) => {
    const isNews = newsFilter();
    expect(answers.map((answer) => isNews(answer))).toEqual(news);
  });
});
