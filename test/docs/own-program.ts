import { LightchainWorker } from "../../components/worker/worker.js";
import { readNetwork } from "../../components/worker/network-file.js";

new LightchainWorker("home", {
  network: readNetwork("testnet"),
  host: { root: "/var/lib/lightchain", ollama: "/usr/local/bin/ollama", ollamaPort: 11500 },
  models: [{ name: "llama3-8b", source: "llama3:8b" }],
  store: "file:/home/me/.lightchain/keys",
  treasury: { store: "file:/home/me/.lightchain/keys", ref: "treasury/8200/main" },
  refundTo: "0x…", // mandatory, and fixed when the keys are made
  recoveryKey: "…", // what `npx fleet keys new-recovery-key recovery.key` printed
});
