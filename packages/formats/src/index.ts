export * from "./model-metadata.js";
