// Saves what needs the caller's key: a link would not send it.

import { download } from "../media/media";

/** Fetch a file of the API and hand it to the browser under a name. Throws ApiError. */
export async function save(path: string, name: string): Promise<void> {
  const url = URL.createObjectURL(await download(path));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
