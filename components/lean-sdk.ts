import { loadLate } from "../system/load-late.js";

/*
 * Imported before Pulumi's SDK. That loads TypeScript and npm's Arborist, two thirds of what it loads at all, to turn functions into text: our resources have their
 * providers' text already (`late-resource.ts`). A program that has dynamic resources of its own loads them then.
 */
loadLate("@pulumi/pulumi/runtime/closure/serializeClosure", ["serializeFunction", "serializeFunctionAsync"]);
loadLate("@pulumi/pulumi/runtime/closure/codePaths", ["computeCodePaths", "findWorkspaceRoot", "packageArchivePath"]);
