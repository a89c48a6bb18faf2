/** A key under which a request is made once. `crypto.randomUUID` is there in a secure context only. */
export const newKey = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, "0")).join("");
