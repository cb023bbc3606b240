import fc from "fast-check";
import { expect, test } from "vitest";
import { openStore } from "../../keystore/open-store.js";
import { ownKeyAlias, parseSecretsManagerUrl, secretsManagerUrl } from "../../keystore/secrets-manager-url.js";
import { systemClock } from "../../system/clock.js";

const access = { passphrase: () => Promise.reject(new Error("asked")), clock: systemClock };

test.each([
  ["aws-sm:us-east-1/lightchain", { region: "us-east-1", prefix: "lightchain", kms: null }],
  ["aws-sm:us-gov-west-1/a/b/c", { region: "us-gov-west-1", prefix: "a/b/c", kms: null }],
  ["aws-sm:eu-west-1/x?kms=own", { region: "eu-west-1", prefix: "x", kms: "own" }],
  ["aws-sm:eu-west-1/x?kms=alias/mine", { region: "eu-west-1", prefix: "x", kms: "alias/mine" }],
  [
    "aws-sm:eu-west-1/x?kms=arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab",
    { region: "eu-west-1", prefix: "x", kms: "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab" },
  ],
])("%s is a store in Secrets Manager, opened without asking for anything", (url, place) => {
  expect(parseSecretsManagerUrl(url)).toEqual(place);
  expect(openStore(url, access).url).toBe(url);
});

test.each([
  ["without a prefix", "aws-sm:us-east-1"],
  ["with an empty prefix", "aws-sm:us-east-1/"],
  ["without a region", "aws-sm:/lightchain"],
  ["with a region that is none", "aws-sm:us-east/lightchain"],
  ["with a region that is another host", "aws-sm:evil.example-1/lightchain"],
  ["with an empty part", "aws-sm:us-east-1/a//b"],
  ["with a slash at its end", "aws-sm:us-east-1/a/"],
  ["that climbs", "aws-sm:us-east-1/../b"],
  ["with a character that no secret's name may have", "aws-sm:us-east-1/a b"],
  ["with a setting that nobody knows", "aws-sm:us-east-1/a?key=b"],
  ["with an empty key", "aws-sm:us-east-1/a?kms="],
  ["with a prefix that leaves no room", `aws-sm:us-east-1/${"a".repeat(257)}`],
  ["with a prefix that leaves its own key's alias no room", `aws-sm:us-east-1/${"a".repeat(240)}?kms=own`],
  ["with such a prefix, written out", `aws-sm:us-east-1/${"_".repeat(80)}?kms=own`],
])("a url %s is refused", (_, url) =>
  expect(() => openStore(url, access)).toThrow(expect.objectContaining({ code: "LF1110" }) as Error),
);

test("every place has one url, and is read back from it", () => {
  const part = fc.stringMatching(/^[A-Za-z0-9_+=@-]{1,12}$/);
  fc.assert(
    fc.property(
      fc.constantFrom("us-east-1", "ap-southeast-2", "us-gov-east-1"),
      fc.array(part, { minLength: 1, maxLength: 4 }),
      fc.constantFrom(null, "own", "alias/mine", "1234abcd-12ab-34cd-56ef-1234567890ab"),
      (region, parts, kms) => {
        const place = { region, prefix: parts.join("/"), kms };
        expect(parseSecretsManagerUrl(secretsManagerUrl(place))).toEqual(place);
      },
    ),
  );
});

test.each([
  ["lightchain", "alias/lightchain/lightchain"],
  ["a/b-c/D9", "alias/lightchain/a/b-c/D9"],
  ["a_b+c=d.e@f", "alias/lightchain/a_5fb_2bc_3dd_2ee_40f"],
])("the own key of a store below %s goes by %s", (prefix, alias) => expect(ownKeyAlias(prefix)).toBe(alias));

test("every prefix has an alias that KMS takes, and no two have the same", () => {
  // Few characters, the escape's own among them, so that prefixes come close to each other.
  const prefix = fc.stringMatching(/^[_+=.@25fbde/a-]{1,8}$/);
  fc.assert(
    fc.property(prefix, prefix, (one, another) => {
      expect(ownKeyAlias(one)).toMatch(/^alias\/lightchain\/[a-zA-Z0-9/_-]+$/);
      const written = ownKeyAlias(one).slice("alias/lightchain/".length); // a prefix, too, and as close as any
      for (const other of [another, written]) expect(ownKeyAlias(one) === ownKeyAlias(other)).toBe(one === other);
    }),
  );
});
