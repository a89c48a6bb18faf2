// One request to the API: with the caller's credential, its answer, or an error that says what is
// wrong. It knows nothing of the page; the store gives it the credential.

import type { ErrorDetail } from "./types";

export const BASE = "/openai/v1";

/** What the API refused. `status` 0: nobody answered, so nothing is known. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly detail: ErrorDetail,
    readonly retryAfter: number | null = null,
  ) {
    super(detail.message);
  }

  /** Whether the request may be sent again by itself: nobody answered, or only for now, or what is in
   * front of an app that is stopped or begins (403, 404): the app's own errors have an envelope. */
  get passing(): boolean {
    if (this.status >= 500) return this.detail.retryable;
    if (this.status === 403 || this.status === 404) return this.detail.code === NO_ENVELOPE;
    return this.status === 0 || this.status === 408;
  }
}

export interface Answer<T> {
  data: T;
  headers: Headers;
}

export interface Call {
  body?: unknown;
  form?: FormData;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  keepalive?: boolean;
  /** Milliseconds until an answer counts as lost. */
  patience?: number;
}

type Credential = () => Promise<string | null>;
type Heard = (headers: Headers) => void;

/** Of an answer that is no film. A laptop that was closed has connections on which none will come. */
const PATIENCE = 60_000;
const ENDED = "session_ended";
const NO_ENVELOPE = "no_envelope";

let credential: Credential = async () => null;
let heard: Heard = () => {};
let session = new AbortController();

/** Who asks (the value of `Authorization`), and who is told of every answer's headers. */
export function connect(by: Credential, listener: Heard): void {
  credential = by;
  heard = listener;
}

/** From now on somebody else asks: what is under way for the last one ends, without an answer, but
 * for what is to outlive even the page. */
export function nextSession(): void {
  session.abort();
  session = new AbortController();
}

/** A check, to be kept: throws once somebody else asks, so that nothing is sent in their name. */
export function sameSession(): () => void {
  const { signal } = session;
  return () => {
    if (signal.aborted) throw ended();
  };
}

const ended = (): ApiError => new ApiError(401, { ...plain(ENDED, ""), retryable: false });

/** Whether a 401 is about who asks now, and not about somebody who has left. */
export const isAboutSession = (error: ApiError): boolean => error.detail.code !== ENDED;

export async function send<T>(method: string, path: string, call: Call = {}): Promise<Answer<T>> {
  return fetched(method, path, call, async (response) => {
    if (!response.ok) throw refused(response, await response.json().catch(() => null));
    // one that cannot be read, as it was cut off or is a sign-in page of the network, is none
    const data = response.status === 204 ? null : await response.json();
    return { data: data as T, headers: response.headers };
  });
}

export const get = async <T>(path: string, signal?: AbortSignal): Promise<T> =>
  (await send<T>("GET", path, signal ? { signal } : {})).data;

/** The bytes behind a path. */
export async function bytes(path: string, call: Call = {}): Promise<Blob> {
  return fetched("GET", path, { patience: Infinity, ...call }, async (response) => {
    if (!response.ok) throw refused(response, await response.json().catch(() => null));
    return response.blob();
  });
}

/** What `read` makes of the answer; the body is read within the patience, too. */
async function fetched<T>(
  method: string,
  path: string,
  call: Call,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  const check = sameSession();
  const headers: Record<string, string> = { ...call.headers };
  const by = headers.authorization ?? (await credential().catch(unknown));
  check();
  if (by === null) throw ended(); // what goes on after the caller has left would only be refused
  headers.authorization = by;
  let body: BodyInit | undefined = call.form;
  if (call.body !== undefined) {
    headers["content-type"] = "application/json";
    body = JSON.stringify(call.body);
  }
  const late = new AbortController();
  const stop = (): void => late.abort();
  const patience = call.patience ?? (call.form ? Infinity : PATIENCE);
  const timer = patience < Infinity ? setTimeout(stop, patience) : undefined;
  const leaving = call.keepalive ? undefined : session.signal;
  leaving?.addEventListener("abort", stop);
  call.signal?.addEventListener("abort", stop);
  if (call.signal?.aborted) stop();
  try {
    const options: RequestInit = { method, headers, cache: "no-store", signal: late.signal };
    if (body !== undefined) options.body = body;
    if (call.keepalive) options.keepalive = true;
    const response = await fetch(BASE + path, options);
    heard(response.headers);
    const value = await read(response);
    check();
    return value;
  } catch (error) {
    check();
    if (call.signal?.aborted || error instanceof ApiError) throw error;
    throw new ApiError(0, plain("connection_lost", ""));
  } finally {
    clearTimeout(timer);
    leaving?.removeEventListener("abort", stop);
    call.signal?.removeEventListener("abort", stop);
  }
}

/** A credential that cannot be had now, such as while a part of the page cannot be fetched. */
function unknown(error: unknown): never {
  throw error instanceof ApiError ? error : new ApiError(0, plain("connection_lost", ""));
}

function refused(response: Response, data: unknown): ApiError {
  const after = Number(response.headers.get("retry-after"));
  const detail = (data as { error?: ErrorDetail } | null)?.error;
  return new ApiError(
    response.status,
    detail ?? plain(NO_ENVELOPE, `HTTP ${response.status}`),
    after > 0 ? after : null,
  );
}

const plain = (code: string, message: string): ErrorDetail => ({
  message,
  code,
  type: "server_error",
  param: null,
  retryable: true,
  charged: null,
});
