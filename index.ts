import "./components/lean-sdk.js"; // first
import * as pulumi from "@pulumi/pulumi";
import { chooseStack } from "./stacks/choose.js";

// Loads only the program that this stack's config names, and exports what it returns.
export = async (): Promise<Record<string, unknown>> => chooseStack(new pulumi.Config());
