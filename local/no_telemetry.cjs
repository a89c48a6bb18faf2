// Loaded before Azurite, which is told to send no telemetry (--disableTelemetry): what it would send
// that with is most of its modules, and more than half of the work of its start.
const { Module } = require("node:module");

const load = Module._load;
Module._load = (request, ...rest) =>
  request === "applicationinsights" ? {} : load(request, ...rest);
