import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeAnswer, encodeAnswer, encodeSourcesMetadata } from "../../protocol/response.js";
import { anyText, utf8Of, bytes } from "./fixtures.js";

const source = { position: 1, title: "Title", url: "https://example.org/", snippet: "Snippet" };
const sourceArbitrary = fc.record({
  position: fc.integer({ min: 1 }),
  title: fc.string(),
  url: fc.webUrl(),
  snippet: fc.string(),
});

test("an answer without sources is its own text, byte for byte", () =>
  fc.assert(
    fc.property(anyText, (text) => {
      expect(encodeAnswer({ text, sources: [] })).toEqual(utf8Of(text));
    }),
  ));

test("an answer comes back with its sources", () =>
  fc.assert(
    fc.property(anyText, fc.array(sourceArbitrary, { minLength: 1 }), (text, sources) => {
      expect(decodeAnswer(encodeAnswer({ text, sources }))).toEqual({ text, sources });
    }),
  ));

test("an answer with sources is written in the order of the reference", () => {
  expect(encodeAnswer({ text: "Yes [1].", sources: [source] })).toEqual(
    utf8Of(
      '{"v":2,"answer":"Yes [1].","searchContext":[{"position":1,"title":"Title","url":"https://example.org/","snippet":"Snippet"}],"templateVersion":1}',
    ),
  );
});

test.each([
  "plain",
  "",
  '{"v":1,"answer":"x"}',
  '{"v":2.0,"answer":"x"}',
  '{"v":"2","answer":"x"}',
  '{"v":2,"answer":7}',
  '{"v":2,"answer":"x","searchContext":[{"position":"1"}]}',
  '{"v":2,"answer":"x"} and more',
  "[2]",
])("what is no search answer is a raw answer: %s", (text) => {
  expect(decodeAnswer(utf8Of(text))).toEqual({ text, sources: [] });
});

test("a search answer of another worker may leave out its sources", () => {
  expect(decodeAnswer(utf8Of('{"v":2,"answer":"x"}'))).toEqual({ text: "x", sources: [] });
});

test("broken bytes in an answer are replaced one by one", () => {
  expect(decodeAnswer(bytes("f09f98"))).toEqual({ text: "\ufffd\ufffd\ufffd", sources: [] });
});

test("the metadata frame names the sources", () => {
  expect(JSON.parse(Buffer.from(encodeSourcesMetadata([source])).toString())).toEqual({
    type: "webSearchSources",
    sources: [source],
  });
});
