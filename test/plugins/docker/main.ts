import { servePlugin } from "../engine/provider.js";
import type { ObjectShape } from "../engine/shape.js";
import { configure } from "./api.js";
import { container } from "./container.js";
import { network } from "./network.js";
import { remoteImage } from "./remote-image.js";
import shapes from "./shapes.json";
import { volume } from "./volume.js";

/** The stand-in for the `docker` plugin, as the engine starts it. Bundled into a plugin folder by `install.ts`. */
servePlugin(
  {
    name: "docker",
    version: "5.2.0",
    configure,
    types: {
      "docker:index/container:Container": container(shapes["docker:index/container:Container"] as ObjectShape),
      "docker:index/network:Network": network(shapes["docker:index/network:Network"] as ObjectShape),
      "docker:index/remoteImage:RemoteImage": remoteImage(
        shapes["docker:index/remoteImage:RemoteImage"] as ObjectShape,
      ),
      "docker:index/volume:Volume": volume(shapes["docker:index/volume:Volume"] as ObjectShape),
    },
  },
  process.argv[2] ?? "",
);
