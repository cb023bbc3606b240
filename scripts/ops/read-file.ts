import { readFile } from "node:fs/promises";
import { FleetError } from "../../schema/errors.js";

/** LF1624: a file that a command was given cannot be read. */
export class FileUnreadable extends FleetError {
  constructor(path: string, cause: unknown) {
    const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
    super("LF1624", `${path} cannot be read${code}.`, { fix: "name a file that is there and may be read.", cause });
  }
}

/** A file that a person named. @throws FileUnreadable LF1624 */
export async function readNamed(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new FileUnreadable(path, error);
  }
}
