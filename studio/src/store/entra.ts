// Entra sign-in: authorization code with PKCE. A part of its own, loaded only where it is used.

import {
  CacheLookupPolicy,
  InteractionRequiredAuthError,
  PublicClientApplication,
} from "@azure/msal-browser";
import { ApiError } from "../api/client";
import { shell } from "../strings";
import { entra } from "./config";

let made: Promise<PublicClientApplication> | null = null;

function client(): Promise<PublicClientApplication> {
  if (!entra) throw new Error("Entra is not set up here");
  const { client: clientId, authority } = entra;
  const { host } = new URL(authority);
  made ??= (async () => {
    const application = new PublicClientApplication({
      auth: { clientId, authority, knownAuthorities: [host], redirectUri: `${location.origin}/studio` },
      // the refresh token, too, ends with the tab
      cache: { cacheLocation: "sessionStorage" },
      system: { loggerOptions: { loggerCallback: () => {}, piiLoggingEnabled: false } },
    });
    await application.initialize();
    return application;
  })();
  return made;
}

const scopes = (): string[] => [entra?.scope ?? ""];

export async function signIn(): Promise<void> {
  // chosen each time: who has signed out here may not be who comes next
  await (await client()).loginRedirect({ scopes: scopes(), prompt: "select_account", state: location.hash });
}

export interface Finished {
  /** In words; null: signed in. */
  problem: string | null;
  /** The fragment from where the sign-in began. */
  back: string;
}

/** After the way back. */
export async function finish(): Promise<Finished> {
  try {
    const application = await client();
    const result = await application.handleRedirectPromise({ navigateToLoginRequestUrl: false });
    if (!result) return { problem: shell.gate.notAsked, back: "" };
    application.setActiveAccount(result.account);
    return { problem: null, back: result.state?.startsWith("#/") ? result.state : "" };
  } catch (error) {
    return { problem: shell.gate.entraFailed(reason(error)), back: "" };
  }
}

/** The access token of the account, renewed where it has expired. Throws ApiError: 401 where the
 * account has to sign in again, 0 where Entra cannot be reached. */
export async function token(): Promise<string> {
  try {
    const application = await client();
    const policy = CacheLookupPolicy.AccessTokenAndRefreshToken; // no hidden frame: none is allowed
    const found = await application.acquireTokenSilent({ scopes: scopes(), cacheLookupPolicy: policy });
    return found.accessToken;
  } catch (error) {
    if (isPassing(error)) throw new ApiError(0, detail("connection_lost", "", true));
    throw new ApiError(401, detail("invalid_token", shell.gate.entraExpired, false));
  }
}

/** Forget every token of this tab. */
export async function forget(): Promise<void> {
  const application = await client();
  application.setActiveAccount(null);
  await application.clearCache();
}

const isPassing = (error: unknown): boolean =>
  !(error instanceof InteractionRequiredAuthError) &&
  /network|fetch|timed_out|timeout/i.test((error as { errorCode?: string }).errorCode ?? "");

/** Entra's own words, without the ids and times that follow them. */
function reason(error: unknown): string {
  const text = (error as { errorMessage?: string }).errorMessage || String((error as Error).message ?? error);
  return (text.split(/\s+Trace ID:/)[0] ?? "").slice(0, 300);
}

const detail = (code: string, message: string, retryable: boolean) => ({
  message,
  code,
  type: "invalid_request_error",
  param: null,
  retryable,
  charged: false,
});
