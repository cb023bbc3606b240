import { servePlugin } from "../engine/provider.js";
import { configure } from "./clients.js";
import { awsTypes } from "./types.js";

/** The stand-in for the `aws` plugin, as the engine starts it. Bundled into a plugin folder by `install.ts`. */
servePlugin({ name: "aws", version: "7.48.0", configure, types: awsTypes }, process.argv[2] ?? "");
