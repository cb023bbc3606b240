import { FleetError } from "../../schema/errors.js";

/** LF1339: a path that no unit file can hold. */
export class NotForSystemd extends FleetError {
  constructor(text: string) {
    super("LF1339", `systemd takes no path such as ${JSON.stringify(text)}.`, {
      fix: "choose a hostRoot without quotes, backslashes, colons and line ends.",
    });
  }
}

/*
 * How a value is written into a unit file, so that it means itself (systemd.syntax(7)). All pure.
 */

/** A setting that takes the rest of its line as it is: only specifiers are expanded, and no escape can carry a line's end. */
export function plain(text: string): string {
  if (/[\n\r\0]|\\$|^\s|\s$/.test(text)) throw new NotForSystemd(text);
  return text.replaceAll("%", "%%");
}

/** In quotes C escapes are read; specifiers are expanded all the same. */
export function quoted(text: string): string {
  if (text.includes("\0")) throw new NotForSystemd(text);
  return `"${text.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\r", "\\r").replaceAll("%", "%%")}"`;
}

/** A path in one of the settings that part what they are given at colons, and unquote some of it twice. */
export function mountPath(path: string): string {
  if (/["'\\:\p{Cc}]/u.test(path)) throw new NotForSystemd(path);
  return `"${path.replaceAll("%", "%%")}"`;
}

/**
 * A command line. The colon: no `$` is a variable, in the program's path or in any argument (systemd.service(5), "Command lines"). A program's path, unlike an
 * argument, may hold no quote and no backslash, however escaped (systemd's `string_is_safe`).
 * @param privileged to be run outside the unit's sandbox, as root
 */
export function commandLine([program = "", ...args]: readonly string[], privileged = false): string {
  if (/["'\\\p{Cc}]/u.test(program)) throw new NotForSystemd(program);
  return [quoted(`${privileged ? "+" : ""}:${program}`), ...args.map(quoted)].join(" ");
}
