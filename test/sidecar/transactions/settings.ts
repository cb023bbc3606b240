import { settingsSchema, type Settings } from "../../../schema/settings.js";

/** The chain settings with their defaults, but for what is given. */
export const chainSettings = (changes: Partial<Settings["chain"]> = {}): Settings["chain"] => ({
  ...settingsSchema.shape.chain.parse({}),
  ...changes,
});
