import { servePlugin } from "../engine/provider.js";
import type { ObjectShape } from "../engine/shape.js";
import { copyToRemote } from "./copy-to-remote.js";
import { localCommand } from "./local-command.js";
import { remoteCommand } from "./remote-command.js";
import shapes from "./shapes.json";

/** The stand-in for the `command` plugin, as the engine starts it. Bundled into a plugin folder by `install.ts`. */
servePlugin(
  {
    name: "command",
    version: "1.2.1",
    types: {
      "command:local:Command": localCommand(shapes["command:local:Command"] as ObjectShape),
      "command:remote:Command": remoteCommand(shapes["command:remote:Command"] as ObjectShape),
      "command:remote:CopyToRemote": copyToRemote(shapes["command:remote:CopyToRemote"] as ObjectShape),
    },
  },
  process.argv[2] ?? "",
);
