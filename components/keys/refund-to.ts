import { FleetError } from "../../schema/errors.js";

/** LF1501: `refundTo` differs from the one that the keys were made with. */
export class RefundToChanged extends FleetError {
  constructor(worker: string, fixed: string, asked: string) {
    super(
      "LF1501",
      `Worker ${worker} pays back to ${fixed}, fixed when its keys were made; the config now says ${asked}.`,
      {
        fix: `set refundTo back to ${fixed}, or give the worker another name to start a new one.`,
      },
    );
  }
}
