import { Hono } from "hono";
import { afterEach, describe, expect, test, vi } from "vitest";
import { openBeacon } from "../../../sidecar/adapters/beacon.js";
import type { Hash } from "../../../schema/units.js";

const wanted: Hash = `0x01${"ab".repeat(31)}`;
const commitment = new Uint8Array(48).fill(7);
const sidecar = { index: "0", blob: "0x0102", kzg_commitment: `0x${"07".repeat(48)}` };

/** A beacon node that answers the two routes for blobs with these statuses; a status of 200 brings the blob. */
function nodeWith(statuses: { sidecars: number; blobs: number }) {
  const asked: string[] = [];
  const app = new Hono();
  app.get("/eth/v1/beacon/blob_sidecars/:slot", (context) => {
    asked.push("sidecars");
    return context.json({ data: [sidecar] }, statuses.sidecars as 200);
  });
  app.get("/eth/v1/beacon/blobs/:slot", (context) => {
    asked.push("blobs");
    const isWanted = context.req.query("versioned_hashes") === wanted;
    return context.json({ data: isWanted ? [sidecar.blob] : [] }, statuses.blobs as 200);
  });
  vi.stubGlobal("fetch", async (url: string) => app.request(url));
  return { beacon: openBeacon("http://beacon/", 1_000), statuses, asked };
}
afterEach(() => vi.unstubAllGlobals());

describe("blobs of a slot", () => {
  test("come with their commitments from a node that has the older route", async () => {
    const { beacon, asked } = nodeWith({ sidecars: 200, blobs: 404 });
    const [found] = await beacon.blobsAt(5, wanted);
    expect([found!.commitment, found!.blob(), asked]).toEqual([commitment, Uint8Array.of(1, 2), ["sidecars"]]);
  });

  test.each([400, 404, 405, 410, 501])("come by the newer route where the older one is a %i", async (sidecars) => {
    const { beacon, asked } = nodeWith({ sidecars, blobs: 200 });
    const [found] = await beacon.blobsAt(5, wanted);
    expect([found!.commitment, found!.blob(), asked]).toEqual([null, Uint8Array.of(1, 2), ["sidecars", "blobs"]]);
  });

  test("are asked for by the route that worked last, and by the other again when that ends", async () => {
    const { beacon, statuses, asked } = nodeWith({ sidecars: 400, blobs: 200 });
    await beacon.blobsAt(5, wanted);
    await beacon.blobsAt(6, wanted);
    expect(asked).toEqual(["sidecars", "blobs", "blobs"]);
    Object.assign(statuses, { sidecars: 200, blobs: 404 });
    expect(await beacon.blobsAt(7, wanted)).toHaveLength(1);
  });

  test("are asked for by the other route after a search that found nothing", async () => {
    const { beacon, asked } = nodeWith({ sidecars: 200, blobs: 200 });
    await beacon.blobsAt(5, wanted);
    beacon.turnRoutes();
    await beacon.blobsAt(5, wanted);
    expect(asked).toEqual(["sidecars", "blobs"]);
  });

  test("are none for a slot that neither route knows", async () => {
    expect(await nodeWith({ sidecars: 404, blobs: 404 }).beacon.blobsAt(5, wanted)).toEqual([]);
  });

  test.each([
    { sidecars: 503, blobs: 200 },
    { sidecars: 400, blobs: 500 },
  ])("cannot be had from a node that fails (LF1408): %o", async (statuses) => {
    await expect(nodeWith(statuses).beacon.blobsAt(5, wanted)).rejects.toMatchObject({ code: "LF1408" });
  });
});
