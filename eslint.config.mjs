import tseslint from "typescript-eslint";

/** Who may import whom (docs/design.md, "The layout is the architecture"). A folder may always import from itself. */
const mayImport = {
  protocol: ["schema", "abi"],
  schema: ["protocol", "abi"],
  abi: ["protocol", "schema"],
  system: ["schema"],
  keystore: ["protocol", "schema", "abi", "system"],
  lifecycle: ["protocol", "schema", "abi", "system", "keystore"],
  sidecar: ["protocol", "schema", "abi", "system", "keystore", "lifecycle"],
  host: ["protocol", "schema", "abi", "system", "keystore", "lifecycle"],
  components: ["protocol", "schema", "abi", "system", "keystore", "lifecycle"],
  devnet: ["protocol", "schema", "abi", "system", "keystore", "lifecycle"],
  scripts: ["protocol", "schema", "abi", "system", "keystore", "lifecycle", "components", "devnet"],
  stacks: ["components"],
};
const folders = Object.keys(mayImport);

/** How deep our folders go. A file knows its own depth, so that `components/host` is not taken for `host`. */
const depths = [1, 2, 3, 4];

const importRules = folders.flatMap((folder) =>
  depths.map((depth) => ({
    files: [`${folder}/${"*/".repeat(depth - 1)}*.ts`],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: folders
            .filter((other) => other !== folder && !mayImport[folder].includes(other))
            .map((other) => ({
              regex: `^(\\.\\./){${depth}}${other}(/|$)`,
              message: `${folder}/ may not import ${other}/ (docs/design.md).`,
            })),
        },
      ],
    },
  })),
);

/** Above its ports the sidecar is deterministic: time, chance and the network come in through adapters only. */
const sidecarIsDeterministic = {
  files: ["sidecar/**/*.ts"],
  ignores: ["sidecar/adapters/**", "sidecar/main.ts"],
  rules: {
    "no-restricted-globals": ["error", "fetch", "setTimeout", "setInterval", "setImmediate", "performance"],
    "no-restricted-properties": [
      "error",
      { object: "Date", property: "now" },
      { object: "Math", property: "random" },
      { object: "process", property: "env" },
    ],
    "no-restricted-syntax": [
      "error",
      { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: "Use the clock." },
    ],
  },
};

export default tseslint.config(
  { ignores: ["dist/**", "node_modules/**", ".fleet/**"] },
  { linterOptions: { reportUnusedDisableDirectives: true } },
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: ["**/*.ts"] })),
  {
    files: ["**/*.ts"],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/no-confusing-void-expression": "off",
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/no-extraneous-class": "off",
      // Takes what an await may have changed, an abort signal above all, for what it was before.
      "@typescript-eslint/no-unnecessary-condition": "off",
    },
  },
  ...importRules,
  sidecarIsDeterministic,
  {
    files: ["test/**/*.ts"],
    rules: { "@typescript-eslint/no-non-null-assertion": "off" },
  },
);
