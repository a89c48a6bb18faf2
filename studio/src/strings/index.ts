// Everything that the studio says, one file for each room.

export { batches } from "./batches";
export { look } from "./look";
export { make } from "./make";
export { money } from "./money";
export { operate } from "./operate";
export { shell } from "./shell";
export { wait } from "./wait";
