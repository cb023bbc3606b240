import { z } from "zod";
import { systemClock } from "../../../system/clock.js";
import { implement } from "../../implementation.js";
import { tell } from "../../tell.js";
import { regionSchema } from "./args.js";
import { cancelReservation, latestAmi, offeringsOf, reservationOf, reserve } from "./ec2.js";
import { NoCapacity, NotOffered } from "./errors.js";
import { gpuInstanceTypes } from "./instance-types.js";
import { candidates, type Candidate } from "./candidates.js";

const inputs = z.object({
  region: regionSchema,
  host: z.string().min(1),
  types: z.array(z.string()).min(1),
  zones: z.array(z.string()).nullable(),
  spot: z.boolean(),
  ami: z.string().nullable(),
});
const computed = z.object({
  type: z.string(),
  zone: z.string(),
  chosenAmi: z.string(),
  architecture: z.enum(["x64", "arm64"]),
  /** Empty: none was made. */
  reservation: z.string(),
});
type Inputs = z.infer<typeof inputs>;

/** The first candidate that AWS has a machine of, and keeps for us. One that was reserved by an interrupted run is taken up. */
async function choose({ region, host, types, zones, spot }: Inputs): Promise<Candidate & { reservation: string }> {
  const there = spot ? undefined : await reservationOf(region, host);
  if (there !== undefined && types.includes(there.type) && (zones === null || zones.includes(there.zone)))
    return { type: there.type, zone: there.zone, reservation: there.id };
  const all = candidates(host, types, zones, await offeringsOf(region, types));
  if (all.length === 0) throw new NotOffered(region, types, zones);
  for (const one of all) {
    const reserved = spot ? "not reservable" : await reserve(region, one, host, systemClock.now());
    if (reserved === "no capacity") continue;
    return { ...one, reservation: reserved === "not reservable" ? "" : reserved.id };
  }
  throw new NoCapacity(region, all);
}

/** What is said of a wish that a machine which is there does not follow. Pure. */
export const stays = (host: string, { type, zone, chosenAmi }: z.infer<typeof computed>): string =>
  `host ${host} stays what it is: ${type} in ${zone}, ${chosenAmi}. Next: to have another machine, give the worker another hostName: it moves`;

/** Where a machine is, and which: chosen once. */
export const placement = implement({
  inputs,
  computed,
  identity: ["region", "host"],
  overlaps: true, // a worker moves from one to the other
  create: async (wanted) => {
    const { region, host, ami } = wanted;
    const { type, zone, reservation } = await choose(wanted);
    const architecture = gpuInstanceTypes.find(({ name }) => name === type)?.architecture ?? "x64";
    const chosenAmi = ami ?? (await latestAmi(region, architecture));
    return { id: `${region}:${host}`, computed: { type, zone, chosenAmi, architecture, reservation } };
  },
  update: async ({ host }, before) => {
    tell([stays(host, before)]);
    const { type, zone, chosenAmi, architecture, reservation } = before;
    return { type, zone, chosenAmi, architecture, reservation };
  },
  delete: async ({ region, reservation }) => {
    if (reservation !== "") await cancelReservation(region, reservation);
  },
});
