import { expect, test } from "vitest";
import { cacheFolder, compileCache } from "../../system/cache-folder.js";

test("the cache lies where the person says, else where XDG says, else in the home folder", () => {
  expect(cacheFolder({ LIGHTCHAIN_FLEET_CACHE: "/c", XDG_CACHE_HOME: "/x", HOME: "/h" })).toBe("/c");
  expect(cacheFolder({ LIGHTCHAIN_FLEET_CACHE: "", XDG_CACHE_HOME: "/x", HOME: "/h" })).toBe("/x/lightchain-fleet");
  expect(cacheFolder({ HOME: "/h" })).toBe("/h/.cache/lightchain-fleet");
});

test("what Node compiled lies with it, unless the person has chosen another folder", () => {
  expect(compileCache({ HOME: "/h" })).toEqual({ NODE_COMPILE_CACHE: "/h/.cache/lightchain-fleet/compiled" });
  expect(compileCache({ HOME: "/h", NODE_COMPILE_CACHE: "/c" })).toEqual({ NODE_COMPILE_CACHE: "/c" });
});
