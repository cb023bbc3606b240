import { FleetError } from "../../schema/errors.js";

/** A host that could not be asked. It is not known to be gone: whatever runs there may run still. */
export abstract class HostNotReached extends FleetError {}
