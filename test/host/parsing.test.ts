import { describe, expect, test } from "vitest";
import { parseNvidiaSmi } from "../../host/gpus.js";
import { listenersOn } from "../../host/sections/listener.js";
import { asideName, canonicalName, isSameModel } from "../../host/sections/model-names.js";

describe("nvidia-smi's answer", () => {
  test.each([
    [
      "one GPU",
      "0, GPU-a, NVIDIA L4, 23034\n",
      [{ index: "0", uuid: "GPU-a", name: "NVIDIA L4", memoryBytes: 23034 * 1024 ** 2 }],
    ],
    [
      "two GPUs, one with a comma in its name",
      "0, GPU-a, Tesla T4, 15360\r\n1, GPU-b, NVIDIA X, Y, 81920\n",
      [
        { index: "0", uuid: "GPU-a", name: "Tesla T4", memoryBytes: 15360 * 1024 ** 2 },
        { index: "1", uuid: "GPU-b", name: "NVIDIA X, Y", memoryBytes: 81920 * 1024 ** 2 },
      ],
    ],
    ["no devices", "No devices were found\n", []],
    ["memory that is not told", "0, GPU-a, NVIDIA GB10, [N/A]\n", []],
    ["nothing", "", []],
  ])("%s", (_, output, gpus) => expect(parseNvidiaSmi(output)).toEqual(gpus));
});

describe("model names, as Ollama compares them", () => {
  test.each([
    ["llama3", "llama3:latest"],
    ["Llama3-8B", "llama3-8b"],
    ["library/llama3:8b", "llama3:8b"],
    ["registry.ollama.ai/library/llama3", "llama3"],
    ["127.0.0.1:5000/library/tiny", "127.0.0.1:5000/library/tiny:latest"],
  ])("%s is %s", (a, b) => expect(isSameModel(a, b)).toBe(true));

  test.each([
    ["llama3:8b", "llama3"],
    ["mine/llama3", "llama3"],
    ["127.0.0.1:5000/library/tiny", "tiny"],
    ["127.0.0.1:5000/library/tiny", "127.0.0.1:5001/library/tiny"],
  ])("%s is not %s", (a, b) => expect(isSameModel(a, b)).toBe(false));

  test("a model is put aside under one name, however its own is written, and under another for each purpose", () => {
    expect(asideName("Llama3", "before")).toBe(asideName("llama3:latest", "before"));
    expect(asideName("llama3", "before")).not.toBe(asideName("llama3", "replaced"));
    expect(canonicalName(asideName("127.0.0.1:5000/a/b:c", "before"))).toMatch(
      /^lightchain-aside\/[0-9a-f]{16}:before$/,
    );
  });
});

test("who listens on a loopback port is read from /proc/net/tcp, and a connection to it is not a listener", () => {
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    "   0: 0100007F:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 0",
    "   1: 0100007F:2CAA 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 78 1 0",
    "   2: 0200007F:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 79 1 0",
    "   3: 00000000:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 80 1 0",
    "   4: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 81 1 0",
  ].join("\n");
  expect(listenersOn(0x2caa, table)).toEqual(new Set(["socket:[77]", "socket:[80]"]));
  expect(listenersOn(80, table)).toEqual(new Set(["socket:[81]"]));
});
