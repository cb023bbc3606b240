import { expect, test } from "vitest";
import { momentOf } from "./schedules.js";

test.each([
  ["2030-01-15T08:00:00", "UTC", "2030-01-15T08:00:00.000Z"],
  ["2030-01-15T08:00:00", "Europe/Berlin", "2030-01-15T07:00:00.000Z"],
  ["2030-07-15T08:00:00", "Europe/Berlin", "2030-07-15T06:00:00.000Z"],
  ["2030-03-31T03:30:00", "Europe/Berlin", "2030-03-31T01:30:00.000Z"], // an hour after the clocks went on
  ["2030-03-31T01:30:00", "Europe/Berlin", "2030-03-31T00:30:00.000Z"],
  ["2030-07-15T23:30:00", "America/Los_Angeles", "2030-07-16T06:30:00.000Z"],
])("%s on a wall in %s is %s", (shown, timeZone, moment) => {
  expect(new Date(momentOf(shown, timeZone)).toISOString()).toBe(moment);
});
