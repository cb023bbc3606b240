import { GatewayRefused, GatewayUnavailable } from "../../sidecar/errors.js";
import type { CompleteFrame, Frame, Gateway } from "../../sidecar/ports.js";
import type { World } from "./world.js";

/** What the gateway saw, over all runs of the sidecar. */
export interface GatewaySeen {
  readonly frames: Frame[];
  readonly completes: CompleteFrame[];
  /** For each delivery that was begun, whether the response stream was open. */
  readonly streaming: boolean[];
  readonly beats: number[];
  draining: boolean;
  /** Answers nobody while true. */
  down: boolean;
}
export const newGatewaySeen = (): GatewaySeen => ({
  frames: [],
  completes: [],
  streaming: [],
  beats: [],
  draining: false,
  down: false,
});

/** Takes everything from a registered worker, nothing from others. */
export function createSimulatedGateway(world: World, seen: GatewaySeen): Gateway {
  let connected = false;
  const check = (): void => {
    if (seen.down) throw new GatewayUnavailable("sim", new Error("down"));
    if (world.registration === null) throw new GatewayRefused("sim", 403, "not registered");
  };
  return {
    login: async () => check(),
    heartbeat: async ({ activeJobs }) => {
      check();
      seen.beats.push(activeJobs);
    },
    drain: async () => {
      seen.draining = true;
    },
    undrain: async () => {
      seen.draining = false;
    },
    open: () => {
      connected = true;
    },
    offer: (frame) => void seen.frames.push(frame),
    deliver: async (frame) => {
      seen.streaming.push(connected);
      do await world.clock.sleep(20);
      while (seen.down); // the real one offers it again, too
      seen.completes.push(frame);
    },
    get connected() {
      return connected && !seen.down;
    },
    close: async () => {
      connected = false;
    },
  };
}
