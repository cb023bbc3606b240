import { randomBytes } from "node:crypto";
import { z } from "zod";
import { systemClock } from "../../../system/clock.js";
import { implement } from "../../implementation.js";
import { needsOf } from "../../models/needs.js";
import { tell } from "../../tell.js";
import { awsMachineSchema, regionSchema } from "./args.js";
import { cancelReservation, reservationOf, placementTag, reserve, sweep, type Place } from "./ec2.js";
import { ImageUnknown, NoCapacity, NoPlace } from "./errors.js";
import { gpuInstanceTypes } from "./instance-types.js";
import { candidates } from "./preflight/candidates.js";
import { knownOf, type AwsWorker, type RegionFacts } from "./preflight/facts.js";
import { lookAtRegion } from "./preflight/look.js";

const inputs = z.object({
  region: regionSchema,
  worker: z.string().min(1),
  host: z.string().min(1),
  machine: awsMachineSchema,
  models: z.array(z.string()),
  contextTokens: z.number().int().nonnegative(),
  /** Of what is reserved for it. */
  tags: z.record(z.string(), z.string()),
});
const computed = z.object({
  type: z.string(),
  zone: z.string(),
  ami: z.string(),
  /** Empty: none was made. */
  reservation: z.string(),
  /** Nobody else's, whatever others call their stacks and hosts: what is tagged with it was made for this placement. */
  token: z.string(),
});
type Inputs = z.infer<typeof inputs>;

const wanted = ({ worker, machine, models, contextTokens }: Inputs): AwsWorker => ({
  ...{ name: worker, machine, contextTokens, parallel: 1 },
  models: models.map(needsOf),
});

/** The first place that AWS has a machine at, and keeps it for us. One that was reserved by an interrupted run is taken up. */
async function choose(asked: Inputs, facts: RegionFacts): Promise<Place & { reservation: string }> {
  const { region, tags, machine } = asked;
  const places = candidates(wanted(asked), facts).flatMap(({ type, zone }) => (zone === null ? [] : [{ type, zone }]));
  if (places.length === 0) throw new NoPlace(region, machine.types, machine.zones ?? null);
  const there = machine.spot ? undefined : await reservationOf(region, tags);
  const kept = places.find(({ type, zone }) => type === there?.type && zone === there.zone);
  if (there !== undefined && kept !== undefined) return { ...kept, reservation: there.id };
  for (const place of places) {
    // what AWS has to spare cannot be reserved
    const reserved = machine.spot ? "not reservable" : await reserve(region, place, tags, systemClock.now());
    if (reserved === "no capacity") continue;
    return { ...place, reservation: reserved === "not reservable" ? "" : reserved.id };
  }
  throw new NoCapacity(region, places);
}

/** What a machine of a type boots. @throws ImageUnknown LF1803 */
function imageFor(type: string, { region, machine }: Inputs, { images }: RegionFacts): string {
  const architecture = gpuInstanceTypes.find(({ name }) => name === type)?.architecture ?? "x64";
  const ami = machine.ami ?? knownOf(images[architecture]);
  if (ami == null) throw new ImageUnknown(region, architecture);
  return ami;
}

/** What is said of a wish that a machine which is there does not follow. Pure. */
export const stays = (host: string, { type, zone, ami }: z.infer<typeof computed>): string =>
  `host ${host} stays what it is: ${type} in ${zone}, ${ami}. Next: to have another machine, give the worker another hostName: it moves`;

/** Whether a machine is asked for that is another one than there is. Pure. */
const asksForAnother = ({ machine }: Inputs, { type, zone, ami }: z.infer<typeof computed>): boolean =>
  !machine.types.includes(type) ||
  machine.zones?.includes(zone) === false ||
  (machine.ami !== undefined && machine.ami !== ami);

/** Where a machine is, and which: chosen once. */
export const placement = implement({
  inputs,
  computed,
  identity: ["region", "host"],
  overlaps: true, // a worker moves from one to the other
  create: async (asked) => {
    const { region, host, machine } = asked;
    const facts = await lookAtRegion(region, machine);
    const place = await choose(asked, facts);
    const token = randomBytes(8).toString("hex");
    return { id: `${region}:${host}`, computed: { ...place, ami: imageFor(place.type, asked, facts), token } };
  },
  update: async (asked, before) => {
    if (asksForAnother(asked, before)) tell([stays(asked.host, before)]);
    return computed.parse(before);
  },
  // By now everything that the stack knows of the host is gone: what is left with its tags is a killed run's.
  delete: async ({ region, reservation, token }) => {
    await sweep(region, { [placementTag]: token }, []);
    if (reservation !== "") await cancelReservation(region, reservation);
  },
});
