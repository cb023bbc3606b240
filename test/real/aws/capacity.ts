import { randomBytes } from "node:crypto";
import {
  ec2Answer,
  ec2Refusal,
  filtersOf,
  jsonAnswer,
  listOf,
  type Answer,
  type Call,
  type Handler,
  type Onward,
  type Xml,
} from "./call.js";

/*
 * What a region has to give, and what an account may take of it: capacity and its reservations, which types are offered where, quotas. The emulated AWS has everything
 * everywhere, and no reservations.
 */

/** What a machine takes: its zone is `undefined` where AWS chooses one. */
export interface Wanted {
  readonly region: string;
  readonly type: string;
  readonly zone: string | undefined;
  /** The reservation that it names. */
  readonly reservation?: string | undefined;
}

/** What there is to have, of all regions. */
export interface Capacity {
  readonly answer: Handler;
  /** What a machine is refused by; `undefined` when it can be had. */
  refusal(wanted: Wanted, invocation: string): Answer | undefined;
  /** Says that an instance runs, and where. */
  take(instance: string, wanted: Wanted): void;
  /** Says that it does not run any more. */
  give(instance: string): void;
  /** From now on there is none of this type in a zone (`any`: anywhere); `times` calls are refused, by default all. What is reserved is still there. */
  noCapacity(type: string, zone: string, times?: number): void;
  /** There is some again. */
  capacityAgain(type: string): void;
  /** Sets a quota of EC2's, in one region or everywhere. */
  setQuota(code: string, value: number, region?: string): void;
  /** Says in which zones of a region a type is offered, and nowhere else. */
  setOfferings(region: string, type: string, zones: readonly string[]): void;
  /** The reservations that are paid for. */
  active(region: string): readonly string[];
}

interface Reservation {
  readonly id: string;
  readonly region: string;
  readonly type: string;
  readonly platform: string;
  readonly zone: string;
  readonly total: number;
  readonly matches: "open" | "targeted";
  readonly ends: string | undefined;
  readonly created: string;
  readonly tags: readonly { readonly key: string; readonly value: string }[];
  isCancelled: boolean;
}
interface Fault {
  readonly type: string;
  readonly zone: string;
  left: number;
  /** Calls that were refused: a repeated one is the same call. */
  readonly refused: Set<string>;
}

/** What every quota is until it is set: enough for a few machines. */
const usualQuota = 64;

/** With everything to be had. */
export function makeCapacity(): Capacity {
  const reservations: Reservation[] = [];
  const uses = new Map<string, string>();
  let faults: Fault[] = [];
  const quotas = new Map<string, number>();
  const offerings = new Map<string, readonly string[]>();

  const stateOf = ({ isCancelled, ends }: Reservation): "active" | "cancelled" | "expired" => {
    if (isCancelled) return "cancelled";
    return ends !== undefined && Date.parse(ends) < Date.now() ? "expired" : "active";
  };
  const freeIn = ({ id, total }: Reservation): number => total - [...uses.values()].filter((one) => one === id).length;
  const reservationFor = ({ region, type, zone, reservation }: Wanted): Reservation | undefined =>
    reservations.find(
      (one) =>
        (reservation === undefined ? one.matches === "open" : one.id === reservation) &&
        one.region === region &&
        one.type === type &&
        (zone === undefined || one.zone === zone) &&
        stateOf(one) === "active" &&
        freeIn(one) > 0,
    );

  function notOffered({ region, type, zone }: Wanted): Answer | undefined {
    const zones = offerings.get(`${region} ${type}`);
    if (zones !== undefined && (zone === undefined ? zones.length === 0 : !zones.includes(zone)))
      return ec2Refusal(
        "Unsupported",
        `Your requested instance type (${type}) is not supported in your requested Availability Zone (${zone ?? region}).`,
      );
    return undefined;
  }
  const refusal: Capacity["refusal"] = (wanted, invocation) => {
    const { type, zone, reservation } = wanted;
    const refused = notOffered(wanted);
    if (refused !== undefined) return refused;
    if (reservationFor(wanted) !== undefined) return undefined;
    if (reservation !== undefined)
      return ec2Refusal(
        "ReservationCapacityExceeded",
        `The requested reservation ${reservation} does not have sufficient compatible and available capacity for this request.`,
      );
    return noneLeft(type, zone, invocation);
  };

  /** AWS says this with status 500, so that an SDK asks a few times more before its caller is told. */
  function noneLeft(type: string, zone: string | undefined, invocation: string): Answer | undefined {
    const fault = faults.find(
      (one) =>
        one.type === type &&
        (one.zone === "any" || one.zone === zone) &&
        (one.refused.has(invocation) || one.refused.size < one.left),
    );
    if (fault === undefined) return undefined;
    fault.refused.add(invocation);
    return ec2Refusal(
      "InsufficientInstanceCapacity",
      `We currently do not have sufficient ${type} capacity in the Availability Zone you requested (${zone ?? "any"}).`,
      500,
    );
  }

  const shown = (one: Reservation): Xml => ({
    capacityReservationId: one.id,
    ownerId: "123456789012",
    capacityReservationArn: `arn:aws:ec2:${one.region}:123456789012:capacity-reservation/${one.id}`,
    instanceType: one.type,
    instancePlatform: one.platform,
    availabilityZone: one.zone,
    tenancy: "default",
    totalInstanceCount: one.total,
    availableInstanceCount: stateOf(one) === "active" ? freeIn(one) : 0,
    ebsOptimized: false,
    ephemeralStorage: false,
    state: stateOf(one),
    startDate: one.created,
    endDate: one.ends,
    endDateType: one.ends === undefined ? "unlimited" : "limited",
    instanceMatchCriteria: one.matches,
    createDate: one.created,
    tagSet: one.tags,
  });

  function reserve(call: Call): Answer {
    const { form, region, invocation } = call;
    const [type, zone] = [form.get("InstanceType") ?? "", form.get("AvailabilityZone") ?? `${region}a`];
    const refused = notOffered({ region, type, zone }) ?? noneLeft(type, zone, invocation);
    if (refused !== undefined) return refused;
    const tags = [...form].flatMap(([key, value]) => {
      const [, before] = /^(TagSpecifications?\.\d+\.Tag\.\d+)\.Key$/.exec(key) ?? [];
      return before === undefined ? [] : [{ key: value, value: form.get(`${before}.Value`) ?? "" }];
    });
    const made: Reservation = {
      id: `cr-${randomBytes(9).toString("hex").slice(0, 17)}`,
      region,
      type,
      zone,
      platform: form.get("InstancePlatform") ?? "Linux/UNIX",
      total: Number(form.get("InstanceCount")),
      matches: form.get("InstanceMatchCriteria") === "targeted" ? "targeted" : "open",
      ends: form.get("EndDate") ?? undefined,
      created: new Date().toISOString(),
      tags,
      isCancelled: false,
    };
    reservations.push(made);
    return ec2Answer(call, { capacityReservation: shown(made) });
  }

  function describe(call: Call): Answer {
    const ids = listOf(call.form, "CapacityReservationId");
    const filters = filtersOf(call.form);
    const passes = (one: Reservation): boolean =>
      [...filters].every(([name, values]) => {
        if (name === "state") return values.includes(stateOf(one));
        if (name === "instance-type") return values.includes(one.type);
        if (name === "availability-zone") return values.includes(one.zone);
        if (!name.startsWith("tag:"))
          throw new Error(`the filter ${name} of reservations is not done by this stand-in`);
        return one.tags.some(({ key, value }) => `tag:${key}` === name && values.includes(value));
      });
    const found = reservations.filter(
      (one) => one.region === call.region && (ids.length === 0 || ids.includes(one.id)),
    );
    const missing = ids.find((id) => !found.some((one) => one.id === id));
    if (missing !== undefined) return noSuchReservation(missing);
    return ec2Answer(call, { capacityReservationSet: found.filter(passes).map(shown) });
  }

  function cancel(call: Call): Answer {
    const id = call.form.get("CapacityReservationId") ?? "";
    const found = reservations.find((one) => one.id === id && one.region === call.region);
    if (found === undefined) return noSuchReservation(id);
    found.isCancelled = true;
    return ec2Answer(call, { return: true });
  }

  /** What the emulated AWS lists, with what was set in its place. */
  async function offered(call: Call, onward: Onward): Promise<Answer> {
    const answer = await onward();
    const set = [...offerings].flatMap(([key, zones]) => {
      const [region = "", type = ""] = key.split(" ");
      return region === call.region ? [{ type, zones }] : [];
    });
    const [filters, locationType] = [filtersOf(call.form), call.form.get("LocationType") ?? "region"];
    const passes = (name: string, value: string): boolean => filters.get(name)?.includes(value) ?? true;
    const ours = set.flatMap(({ type, zones }) => {
      const locations = locationType === "availability-zone" ? zones : zones.length > 0 ? [call.region] : [];
      return locations.map((location): Xml => ({ instanceType: type, locationType, location }));
    });
    const theirs = [...answer.body.matchAll(/<item>(.*?)<\/item>/gs)].flatMap(([, item = ""]): Xml[] => {
      const read = (name: string): string => new RegExp(`<${name}>(.*?)</${name}>`).exec(item)?.[1] ?? "";
      const instanceType = read("instanceType");
      if (set.some(({ type }) => type === instanceType)) return [];
      return [{ instanceType, locationType: read("locationType"), location: read("location") }];
    });
    const all = [...theirs, ...ours].filter((one) => {
      const { instanceType, location } = one as Record<string, string>;
      return passes("instance-type", instanceType ?? "") && passes("location", location ?? "");
    });
    return ec2Answer(call, { instanceTypeOfferingSet: all });
  }

  function quota({ region, json }: Call): Answer | undefined {
    const { ServiceCode, QuotaCode } = json as { ServiceCode: string; QuotaCode: string };
    if (ServiceCode !== "ec2") return undefined;
    const Value = quotas.get(`${region} ${QuotaCode}`) ?? quotas.get(`any ${QuotaCode}`) ?? usualQuota;
    return jsonAnswer({ Quota: { ServiceCode, QuotaCode, Value, Unit: "None", Adjustable: true, GlobalQuota: false } });
  }

  return {
    answer: async (call, onward) => {
      if (call.service === "servicequotas") return call.action === "GetServiceQuota" ? quota(call) : undefined;
      if (call.service !== "ec2") return undefined;
      if (call.action === "CreateCapacityReservation") return reserve(call);
      if (call.action === "DescribeCapacityReservations") return describe(call);
      if (call.action === "CancelCapacityReservation") return cancel(call);
      if (call.action === "DescribeInstanceTypeOfferings") return offered(call, onward);
      return undefined;
    },
    refusal,
    take: (instance, wanted) => {
      const reservation = reservationFor(wanted);
      if (reservation !== undefined) uses.set(instance, reservation.id);
    },
    give: (instance) => void uses.delete(instance),
    noCapacity: (type, zone, times = Infinity) => void faults.push({ type, zone, left: times, refused: new Set() }),
    capacityAgain: (type) => void (faults = faults.filter((one) => one.type !== type)),
    setQuota: (code, value, region = "any") => void quotas.set(`${region} ${code}`, value),
    setOfferings: (region, type, zones) => void offerings.set(`${region} ${type}`, zones),
    active: (region) =>
      reservations.flatMap((one) => (one.region === region && stateOf(one) === "active" ? one.id : [])),
  };
}

const noSuchReservation = (id: string): Answer =>
  ec2Refusal("InvalidCapacityReservationId.NotFound", `The Capacity Reservation ID '${id}' does not exist`);
