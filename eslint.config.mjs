// For `npx eslint`: errors of the JavaScript of the explorable page and of the drawing canvas.
import js from "@eslint/js";
import globals from "globals";

const files = ["docs/explore/*.js", "s6erav3/pictures/*.js"];

export default [
  { ...js.configs.recommended, files },
  { files, languageOptions: { globals: globals.browser } },
  { files, rules: { eqeqeq: "error", "no-var": "error", "prefer-const": "error" } },
];
