// Requests to the service and its error responses.
import { signal } from '@preact/signals';
import { store, stored } from './ui.js';

/** True if the user has to sign in: the service rejected a request without a valid key. */
export const locked = signal(false);

/** True if the user has signed in with a key in this browser. Only the service knows whether the session is still valid. */
export const isSignedIn = signal(stored('signed-in') !== null);

/** True if the service can be reached. */
export const reachable = signal(true);

/** An error response: problem details (RFC 9457). */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {{ type?: string, title?: string, detail?: string, errors?: Record<string, string[]> }} body
   * @param {number} retryAfter The number of seconds in `Retry-After`; 0 if the response has no such header.
   */
  constructor(status, body, retryAfter) {
    super(body.detail ?? body.title ?? `The service responded with status ${status}.`);
    this.status = status;
    this.type = body.type ?? '';
    this.title = body.title ?? '';
    this.errors = body.errors ?? {};
    this.retryAfter = retryAfter;
  }
}

/**
 * Sends a request and returns the JSON of the response.
 * @param {string} method
 * @param {string} path
 * @param {{ json?: unknown, body?: BodyInit, headers?: Record<string, string>, signal?: AbortSignal, keepalive?: boolean }} [options]
 * @returns {Promise<any>}
 * @throws {Problem}
 */
export async function send(method, path, options = {}) {
  const response = await fetchResponse(method, path, options);
  return response.status === 204 ? null : fromJson(await response.text());
}

/** Parses JSON; a seed that JavaScript's numbers cannot represent is kept as text. @param {string} text */
export function fromJson(text) {
  const exact = (/** @type {string} */ name, /** @type {any} */ value, /** @type {{ source?: string }} */ context) =>
    (name === 'seed' && typeof value === 'number' && !Number.isSafeInteger(value) ? context?.source ?? value : value);
  return JSON.parse(text, /** @type {any} */ (exact));
}

/** Writes JSON in which a seed is always a number, even if it is large. @param {unknown} value @param {number} [space] */
export function toJson(value, space) {
  const { rawJSON } = /** @type {any} */ (JSON);
  return JSON.stringify(value, (name, part) =>
    (name === 'seed' && typeof part === 'string' && /^-?\d+$/.test(part) && rawJSON ? rawJSON(part) : part), space);
}

/**
 * Sends a request and returns the response with an unread body.
 * @param {string} method
 * @param {string} path
 * @param {{ json?: unknown, body?: BodyInit, headers?: Record<string, string>, signal?: AbortSignal, keepalive?: boolean }} [options]
 * @throws {Problem}
 */
export async function fetchResponse(method, path, { json, body, headers, signal, keepalive } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: { ...(json === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
      body: json === undefined ? body : toJson(json),
      signal,
      keepalive,
    });
  } catch (error) {
    if (!signal?.aborted) {
      reachable.value = false;
    }

    throw error;
  }

  reachable.value = true;
  if (response.status === 401) {
    locked.value = true;
  }

  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Problem(response.status, problem, Number(response.headers.get('Retry-After') ?? 0));
  }

  return response;
}

/** Signs in: from then on, this browser sends a cookie. @param {string} key @throws {Problem} */
export async function signIn(key) {
  await send('POST', '/v1/session', { json: { key } });
  store('signed-in', 'yes');
  isSignedIn.value = true;
  locked.value = false;
}

/** Signs out. @throws {Problem} */
export async function signOut() {
  await send('DELETE', '/v1/session');
  store('signed-in', null);
  isSignedIn.value = false;
}
