// The service's routes: requests, errors with their remedy, streams of events.
import { keep, recall } from './store.js';

// The token comes in the part of the address that no server sees, and leaves the address at once.
const given = /(?:^#|&)token=([^&]*)/.exec(location.hash);
if (given) {
  keep('token', decodeURIComponent(given[1]));
  history.replaceState(null, '', location.pathname);
}

export const setToken = (token) => keep('token', token);

/** A refusal of the service; status 0 if it does not answer. */
export class ApiError extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.hint = error.hint;
    this.param = error.param;
  }
}

export function authorization() {
  const token = recall('token', '');
  return token ? { Authorization: `Bearer ${token}` } : {};
}

export async function refusal(status, text) {
  let error;
  try {
    error = JSON.parse(text).error;
  } catch {
    error = null;
  }
  if (typeof error === 'string') error = { message: error };
  return new ApiError(status, error ?? { message: text.slice(0, 300) || `The service answered ${status}.` });
}

async function request(path, { method = 'GET', json, headers = {}, signal } = {}) {
  const options = { method, signal, headers: { ...authorization(), ...headers } };
  if (json !== undefined) {
    options.body = JSON.stringify(json);
    options.headers['Content-Type'] = 'application/json';
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, { message: 'The service does not answer.' });
  }
  if (!response.ok) throw await refusal(response.status, await response.text());
  return response;
}

/** The JSON that `path` answers with. */
export async function api(path, options) {
  const text = await (await request(path, options)).text();
  return text ? JSON.parse(text) : null;
}

/** The bytes at `path`, for a download. */
export const blob = async (path) => (await request(path)).blob();

/** Calls `onEvent(type, data)` for each event of a stream until it ends; data is text. */
export async function stream(path, { onEvent, ...options }) {
  const response = await request(path, options);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new ApiError(0, { message: 'The stream broke off.' });
    }
    if (part.done) return;
    let from = Math.max(0, rest.length - 1);
    rest += part.value;
    let begin = 0;
    for (let end; (end = rest.indexOf('\n\n', from)) >= 0; from = begin = end + 2) emit(rest.slice(begin, end), onEvent);
    rest = rest.slice(begin);
  }
}

function emit(block, onEvent) {
  let type = 'message';
  const data = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5));
    else if (line.startsWith('event:')) type = line.slice(6).trim();
  }
  if (data.length) onEvent(type, data.join('\n'));
}
