import { DescribeInstanceAttributeCommand, DescribeSubnetsCommand } from "@aws-sdk/client-ec2";
import { ec2Answer, ec2Refusal, listOf, type Answer, type Call, type Handler, type Onward } from "./call.js";
import type { Capacity, Wanted } from "./capacity.js";
import { textsOf, type Clients } from "./clients.js";
import type { Instance, Instances, State } from "./instances.js";

/*
 * EC2's calls about instances. The emulated AWS keeps the book; here stand what it has not: machines, the time that things take, and what is refused.
 * Filters by state are its own, to which an instance on its way is `running`.
 * Source: EC2 API, "Instance lifecycle", "Error codes".
 */

const codes: Readonly<Record<State, number>> = {
  ...{ pending: 0, running: 16, stopping: 64, stopped: 80, "shutting-down": 32, terminated: 48 },
};
const running = "<instanceState><code>16</code><name>running</name></instanceState>";
const stateOf = (name: State) => ({ code: codes[name], name });

/** What of an instance can only be changed while it is stopped. */
const fixedWhileRunning = ["InstanceType.Value", "UserData.Value", "EbsOptimized.Value"];

/** @param aws the emulated AWS itself */
export function answerInstances(instances: Instances, capacity: Capacity, aws: Clients): Handler {
  async function zoneOf({ form, region }: Call): Promise<string | undefined> {
    const subnet = form.get("SubnetId") ?? form.get("NetworkInterface.1.SubnetId");
    if (subnet === null) return form.get("Placement.AvailabilityZone") ?? undefined;
    const found = await aws
      .ec2(region)
      .send(new DescribeSubnetsCommand({ SubnetIds: [subnet] }))
      .catch(() => undefined);
    return found?.Subnets?.[0]?.AvailabilityZone;
  }

  /** A call that comes again under the same token makes nothing more. */
  const answered = new Map<string, Answer>();

  async function run(call: Call, onward: Onward): Promise<Answer> {
    const { form, region, invocation } = call;
    const token = form.get("ClientToken") ?? invocation;
    const before = answered.get(`${region} ${token}`);
    if (before !== undefined) return before;
    const reservation =
      form.get("CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId") ?? undefined;
    const wanted: Wanted = { region, type: form.get("InstanceType") ?? "", zone: await zoneOf(call), reservation };
    const refused = form.get("DryRun") === "true" ? undefined : capacity.refusal(wanted, invocation);
    if (refused !== undefined) return refused;
    const answer = await onward();
    if (answer.status !== 200) return answer;
    const isSpot = form.get("InstanceMarketOptions.MarketType") === "spot";
    const behaviour = form.get("InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior");
    const spot = isSpot ? ({ behaviour: behaviour === "stop" ? "stop" : "terminate" } as const) : undefined;
    const ids = textsOf(answer.body, "instanceId");
    await instances.born(region, ids, spot, reservation);
    const shown = { ...answer, body: ids.reduce((body, id) => shownAs(body, id, "pending"), answer.body) };
    answered.set(`${region} ${token}`, shown);
    return shown;
  }

  async function start(call: Call, asked: readonly Instance[]): Promise<Answer> {
    for (const { id, state, isInterrupted, wanted } of asked) {
      if (state !== "stopped" && state !== "running" && state !== "pending") return wrongState(id, state, "started");
      if (isInterrupted)
        return ec2Refusal("IncorrectSpotRequestState", `AWS stopped ${id}, and it alone can start it again.`);
      const refused = state === "stopped" ? capacity.refusal(wanted, call.invocation) : undefined;
      if (refused !== undefined) return refused;
    }
    const before = asked.map(({ id, state }) => ({ id, state }));
    for (const instance of asked) if (instance.state === "stopped") await instances.start(instance);
    return changed(call, before);
  }

  function stop(call: Call, asked: readonly Instance[]): Answer {
    const gone = asked.find(({ state }) => state === "terminated" || state === "shutting-down");
    if (gone !== undefined) return wrongState(gone.id, gone.state, "stopped");
    const before = asked.map(({ id, state }) => ({ id, state }));
    for (const instance of asked)
      if (instance.state === "running" || instance.state === "pending") instances.stop(instance);
    return changed(call, before);
  }

  async function terminate(call: Call, asked: readonly Instance[]): Promise<Answer> {
    for (const { id: InstanceId } of asked) {
      const command = new DescribeInstanceAttributeCommand({ InstanceId, Attribute: "disableApiTermination" });
      const { DisableApiTermination } = await aws.ec2(call.region).send(command);
      if (DisableApiTermination?.Value === true)
        return ec2Refusal(
          "OperationNotPermitted",
          `The instance '${InstanceId}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`,
        );
    }
    const before = asked.map(({ id, state }) => ({ id, state }));
    for (const instance of asked)
      if (instance.state !== "terminated" && instance.state !== "shutting-down") instances.terminate(instance);
    return changed(call, before);
  }

  const changed = (call: Call, before: readonly { id: string; state: State }[]): Answer =>
    ec2Answer(call, {
      instancesSet: before.map(({ id, state }) => ({
        instanceId: id,
        currentState: stateOf(instances.get(id)?.state ?? "terminated"),
        previousState: stateOf(state),
      })),
    });

  /** What the emulated AWS says of instances, with what it does not know. */
  async function describe(call: Call, onward: Onward): Promise<Answer> {
    const before = new Map(instances.all().map(({ id, state }) => [id, state]));
    const answer = await onward();
    let { body } = answer;
    for (const [id, state] of before) {
      body = shownAs(body, id, state);
      if (instances.get(id)?.isInterrupted === true) body = withReason(body, id);
    }
    return { ...answer, body };
  }

  return async (call, onward) => {
    if (call.service !== "ec2") return undefined;
    const { action, form } = call;
    if (action === "RunInstances") return run(call, onward);
    if (action === "DescribeInstances" || action === "DescribeInstanceStatus") return describe(call, onward);
    if (action === "ModifyInstanceAttribute") {
      const instance = instances.get(form.get("InstanceId") ?? "");
      const isFixed = fixedWhileRunning.some((name) => form.has(name));
      if (isFixed && instance !== undefined && instance.state !== "stopped")
        return wrongState(instance.id, instance.state, "changed so");
      return onward();
    }
    const change = { StartInstances: start, StopInstances: stop, TerminateInstances: terminate }[action];
    if (change === undefined && action !== "RebootInstances") return undefined;
    const asked = listOf(form, "InstanceId").map((id) => instances.get(id));
    // one that is not there, or elsewhere: the emulated AWS says so
    if (!asked.every((one) => one?.wanted.region === call.region) || form.get("DryRun") === "true") return onward();
    const known = asked.filter((one) => one !== undefined);
    if (change !== undefined) return change(call, known);
    for (const instance of known) instances.reboot(instance);
    return ec2Answer(call, { return: true });
  };
}

const wrongState = (id: string, state: State, what: string): Answer =>
  ec2Refusal("IncorrectInstanceState", `The instance '${id}' is ${state} and cannot be ${what}.`);

/** An instance that is on its way somewhere is `running` in the emulated AWS. */
function shownAs(body: string, id: string, state: State): string {
  if (state !== "pending" && state !== "stopping" && state !== "shutting-down") return body;
  const at = body.indexOf(running, body.indexOf(`<instanceId>${id}</instanceId>`));
  if (!body.includes(`<instanceId>${id}</instanceId>`) || at === -1) return body;
  const shown = `<instanceState><code>${codes[state]}</code><name>${state}</name></instanceState>`;
  return body.slice(0, at) + shown + body.slice(at + running.length);
}

/** Who stopped it, which stands before its id. */
function withReason(body: string, id: string): string {
  const from = body.lastIndexOf("<stateReason>", body.indexOf(`<instanceId>${id}</instanceId>`));
  const [end, code] = ["</stateReason>", "Server.SpotInstanceShutdown"];
  const to = body.indexOf(end, from);
  if (from === -1 || to === -1) return body;
  const reason = `<stateReason><code>${code}</code><message>${code}: Spot instance shutdown</message>`;
  return body.slice(0, from) + reason + body.slice(to);
}
