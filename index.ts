import "./components/lean-sdk.js"; // first
import * as pulumi from "@pulumi/pulumi";
import { chooseStack } from "./stacks/choose.js";

// Pulumi's launcher reads its source maps for each resource's stack trace, a tenth of what a program computes; ours has none.
Reflect.deleteProperty(Error, "prepareStackTrace");

// Loads only the program that this stack's config names, and exports what it returns.
export = async (): Promise<Record<string, unknown>> => chooseStack(new pulumi.Config());
