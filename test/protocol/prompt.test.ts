import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Prompt,
  decodePrompt,
  encodeConversation,
  encodeSearchPrompt,
  encodeTextPrompt,
  maxPromptAudioCharacters,
  noVoice,
} from "../../protocol/prompt.js";
import { anyText, utf8Of, bytes } from "./fixtures.js";

const text = (text: string, more: object = {}): Prompt => ({
  kind: "text",
  text,
  images: [],
  voice: noVoice,
  search: false,
  ...more,
});
const conversation = (...messages: { role: string; content: string }[]): Prompt => ({
  kind: "conversation",
  messages,
  search: false,
});
const refused = (reason: string, retry: boolean) => ({ kind: "refused", reason, retry });
const user = (content: string) => ({ role: "user", content });
const decode = (plaintext: string): Prompt => decodePrompt(utf8Of(plaintext));
const json = (value: unknown): string => JSON.stringify(value);

describe("a plain text", () => {
  test.each<[what: string, plaintext: string]>([
    ["words", "What is 2+2?"],
    ["nothing", ""],
    ["a JSON document without a version", '{"text":"hello"}'],
    ["version 0", '{"v":0,"text":"hello"}'],
    ["a negative version", '{"v":-1,"text":"hello"}'],
    ["version null", '{"v":null,"text":"hello"}'],
    ["a version with a point", '{"v":1.0,"text":"hello"}'],
    ["a version with an exponent", '{"v":1e0,"text":"hello"}'],
    ["a version in quotes", '{"v":"1","text":"hello"}'],
    ["a version beyond 64 bits", '{"v":9223372036854775808,"text":"hello"}'],
    ["a JSON array", '[{"v":1,"text":"hello"}]'],
    ["a JSON string", '"hello"'],
    ["JSON null", "null"],
    ["an envelope followed by something", '{"v":1,"text":"hello"} x'],
    ["two envelopes", '{"v":1,"text":"a"}{"v":1,"text":"b"}'],
    ["an envelope cut off", '{"v":1,"text":"hel'],
    ["an envelope with a trailing comma", '{"v":1,"text":"hello",}'],
    ["text of another type", '{"v":1,"text":7}'],
    ["images of another type", '{"v":1,"text":"hello","images":"aW1n"}'],
    ["an image of another type", '{"v":1,"text":"hello","images":[1]}'],
    ["audioResponse of another type", '{"v":2,"text":"hello","audioResponse":"true"}'],
    ["messages of another type", '{"v":3,"messages":{}}'],
    ["a message of another type", '{"v":3,"messages":["hello"]}'],
    ["a byte order mark before an envelope", '\ufeff{"v":1,"text":"hello"}'],
    ["an unescaped line break in a string", '{"v":1,"text":"a\nb"}'],
  ])("is %s", (_, plaintext) => {
    expect(decode(plaintext)).toEqual(text(plaintext));
  });
  test("with bytes that are no UTF-8 has one replacement for each of them", () => {
    expect(decodePrompt(bytes("61e282ff62"))).toEqual(text("a\ufffd\ufffd\ufffdb"));
  });
});

describe("an envelope", () => {
  test.each<[what: string, plaintext: string, prompt: Prompt]>([
    ["of version 1", '{"v":1,"text":"hello"}', text("hello")],
    ["with images", '{"v":1,"text":"hello","images":["aW1n"]}', text("hello", { images: ["aW1n"] })],
    ["of a version to come", '{"v":7,"text":"hello","novelty":{"a":[1]}}', text("hello")],
    ["with white space around", ' \t\r\n{ "v" : 1 , "text" : "hello" }\n', text("hello")],
    ["with names in any case", '{"V":1,"TEXT":"hello","Images":["a"]}', text("hello", { images: ["a"] })],
    ["with a long s in a name", '{"v":1,"text":"hello","image\u017f":["a"]}', text("hello", { images: ["a"] })],
    ["with nulls", '{"v":1,"text":null,"images":null,"audio":null,"messages":null}', text("")],
    ["with a null image", '{"v":1,"text":"hello","images":[null]}', text("hello", { images: [""] })],
    ["with nothing but its version", '{"v":1}', text("")],
    ["with a field given twice", '{"v":1,"text":"a","Text":"b"}', text("b")],
    ["with null after a value", '{"v":1,"text":"a","text":null,"v":null}', text("a")],
    ["with escapes", String.raw`{"v":1,"text":"\u0041\n\"\\\ud83d\ude00\ud800"}`, text('A\n"\\😀\ufffd')],
    [
      "with sound",
      '{"v":2,"text":"","audio":"UklGRg==","audioFormat":"wav","audioResponse":true,"voice":"af_heart"}',
      text("", { voice: { audio: "UklGRg==", audioFormat: "wav", audioResponse: true, voice: "af_heart" } }),
    ],
  ])("%s is understood", (_, plaintext, prompt) => {
    expect(decode(plaintext)).toEqual(prompt);
  });
  test("with a broken byte in a string has a replacement there", () => {
    expect(decodePrompt(new Uint8Array([...utf8Of('{"v":1,"text":"a'), 0xff, ...utf8Of('b"}')]))).toEqual(
      text("a\ufffdb"),
    );
  });
  test("with 8 images is taken, with 9 refused", () => {
    const images = Array.from({ length: 9 }, (_, at) => at.toString());
    expect(decode(json({ v: 1, text: "", images: images.slice(1) }))).toEqual(text("", { images: images.slice(1) }));
    expect(decode(json({ v: 1, text: "", images }))).toEqual(refused("too many images", true));
  });
  test("with the longest sound is taken, with a longer one refused", () => {
    const audio = "A".repeat(maxPromptAudioCharacters);
    expect(decode(json({ v: 2, audio }))).toMatchObject({ kind: "text", voice: { audio } });
    expect(decode(json({ v: 2, audio: `${audio}A` }))).toEqual(refused("audio too large", true));
  });
});

describe("a self-contained prompt", () => {
  const four = [
    { role: "system", content: "Be brief." },
    user("What is 2+2?"),
    { role: "assistant", content: "4" },
    user("And 3+3?"),
  ];
  test("has exactly its messages", () => {
    expect(decode('{"v":3,"text":"","messages":[{"role":"user","content":"What is 2+2?"}]}')).toEqual(
      conversation(user("What is 2+2?")),
    );
    expect(decode(json({ v: 3, messages: four }))).toEqual(conversation(...four));
  });
  test.each([1, 2, 3, 4])("is one whatever its version says, such as %d", (v) => {
    expect(decode(json({ v, messages: four }))).toEqual(conversation(...four));
  });
  test("knows no images in its messages", () => {
    expect(decode(json({ v: 3, messages: [{ ...user("hello"), images: ["a"] }] }))).toEqual(
      conversation(user("hello")),
    );
  });
  test.each<[what: string, envelope: object, reason: string]>([
    ["with images", { v: 3, images: ["a"], messages: four }, "self-contained prompt with images or audio"],
    [
      "with more images than any prompt may have",
      { v: 3, images: Array(9).fill("a"), messages: four },
      "self-contained prompt with images or audio",
    ],
    ["with audio", { v: 3, audio: "a", messages: four }, "self-contained prompt with images or audio"],
    ["with text", { v: 3, text: "hello", messages: four }, "self-contained prompt with text"],
    ["with text, of version 1", { v: 1, text: "hello", messages: four }, "self-contained prompt with text"],
    ["without messages", { v: 3, text: "" }, "self-contained prompt without messages"],
    ["with an empty list of messages", { v: 3, messages: [] }, "self-contained prompt without messages"],
    ["that ends with the assistant", { v: 3, messages: four.slice(0, 3) }, "last message is not the user's"],
    [
      "whose user is spelled in capitals",
      { v: 3, messages: [{ role: "User", content: "" }] },
      "last message is not the user's",
    ],
    ["with a tool's message", { v: 3, messages: [{ role: "tool", content: "" }, ...four] }, "unknown role"],
    ["with a null message", { v: 3, messages: [null, ...four] }, "unknown role"],
  ])("%s is refused for good", (_, envelope, reason) => {
    expect(decode(json(envelope))).toEqual(refused(reason, false));
  });
  test("given twice is read as the disputer's decoder reads it", () => {
    const twice = '{"v":3,"messages":[{"role":"user","content":"first"}],"messages":[{"role":"user"}]}';
    expect(decode(twice)).toEqual(conversation(user("first")));
    const emptied = '{"v":3,"messages":[{"role":"user","content":"first"}],"messages":[],"messages":[{"role":"user"}]}';
    expect(decode(emptied)).toEqual(conversation(user("")));
    const hidden =
      '{"v":3,"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}],"messages":[{"role":"user"}],"messages":[{},{}]}';
    expect(decode(hidden)).toEqual(conversation(user("a"), user("b")));
  });
});

describe("a search wrapper", () => {
  const wrapped = (body: string): Prompt => decode(`\0${body}`);
  test.each<[what: string, body: string, prompt: Prompt]>([
    ["with search on", '{"v":1,"prompt":"news?","search":true}', text("news?", { search: true })],
    ["with search off", '{"v":1,"prompt":"news?","search":false}', text("news?")],
    ["of another version", '{"v":9,"prompt":"news?","search":true}', text("news?", { search: true })],
    ["around an envelope", json({ v: 1, prompt: '{"v":1,"text":"hi"}', search: true }), text("hi", { search: true })],
    [
      "around a conversation",
      json({ v: 1, prompt: json({ v: 3, messages: [user("hi")] }), search: true }),
      { kind: "conversation", messages: [user("hi")], search: true },
    ],
    ["around nothing", "{}", text("")],
  ])("%s is taken off", (_, body, prompt) => {
    expect(wrapped(body)).toEqual(prompt);
  });
  test.each(["", "hello", '{"prompt":"a"', '{"v":"1","prompt":"a"}', '{"prompt":7}', '{"prompt":"a"} x', "[]"])(
    "that is not readable is refused, but may be tried again: %s",
    (body) => {
      expect(wrapped(body)).toEqual(refused("search wrapper is not JSON", true));
    },
  );
});

describe("what a consumer writes is what a worker reads", () => {
  test("for any text, even one that looks like an envelope or a wrapper", () =>
    fc.assert(
      fc.property(fc.oneof(anyText, looksLikeEnvelope), (prompt) => {
        expect(decodePrompt(encodeTextPrompt(prompt))).toEqual(text(prompt));
      }),
    ));
  const looksLikeEnvelope = fc.oneof(
    fc.constantFrom('\0{"prompt":"x"}', "\0", '{"v":1}', '{"V":2,"text":"x"}', '{"v":3,"messages":[]}'),
    fc.record({ v: fc.integer({ min: -1, max: 3 }), text: fc.string() }).map(json),
  );
  test("for text with images", () =>
    fc.assert(
      fc.property(anyText, fc.array(fc.base64String(), { minLength: 1, maxLength: 8 }), (prompt, images) => {
        expect(decodePrompt(encodeTextPrompt(prompt, images))).toEqual(text(prompt, { images }));
      }),
    ));
  test("for conversations", () => {
    const role = fc.constantFrom("system" as const, "user" as const, "assistant" as const);
    const turns = fc.array(fc.record({ role, content: anyText }));
    fc.assert(
      fc.property(turns, anyText, (before, last) => {
        const messages = [...before, { role: "user" as const, content: last }];
        expect(decodePrompt(encodeConversation(messages))).toEqual(conversation(...messages));
      }),
    );
  });
  test("for searches", () =>
    fc.assert(
      fc.property(fc.string(), (prompt) => {
        fc.pre(decode(prompt).kind === "text" && !prompt.startsWith("\0"));
        expect(decodePrompt(encodeSearchPrompt(prompt))).toMatchObject({ search: true, text: prompt });
      }),
    ));
  test("a plain text stays plain", () => {
    expect(encodeTextPrompt("What is 2+2?")).toEqual(utf8Of("What is 2+2?"));
    expect(encodeTextPrompt('{"a":1}')).toEqual(utf8Of('{"a":1}'));
  });
  test("what no worker would serve is not written", () => {
    expect(() => encodeTextPrompt("", Array<string>(9).fill("a"))).toThrow(RangeError);
    expect(() => encodeConversation([])).toThrow(RangeError);
    expect(() => encodeConversation([{ role: "assistant", content: "" }])).toThrow(RangeError);
  });
});

test("no bytes whatever make the decoder fail", () =>
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.json().map(utf8Of)), (plaintext) => {
      expect(["text", "conversation", "refused"]).toContain(decodePrompt(plaintext).kind);
    }),
  ));

test("a prompt of brackets alone, as deep as a blob is long, is read in no time", () => {
  const deep = "[".repeat(60_000) + "]".repeat(60_000);
  expect(decode(deep)).toEqual(text(deep));
  const inside = (depth: number) => `{"v":1,"text":"hello","x":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  expect(decode(inside(9_999))).toEqual(text("hello"));
  expect(decode(inside(10_000))).toEqual(text(inside(10_000)));
});
