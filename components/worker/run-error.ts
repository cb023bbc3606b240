import * as pulumi from "@pulumi/pulumi";
import { FleetError } from "../../schema/errors.js";

/** Runs a program's part so that a person's mistake ends it with one coded line: Pulumi shows a `RunError` without a stack. */
export function asRunError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof FleetError ? new pulumi.RunError(error.message) : error;
  }
}
