/** What the service worker asks a page: the credential to add. */
export const QUESTION = "durable-video.credential";
