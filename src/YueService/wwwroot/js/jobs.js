// The songs of the service, kept up to date with its events.
import { batch, computed, effect, signal } from '@preact/signals';
import { locked, Problem, reachable, send } from './api.js';
import { closeToast, newId, short, showToast, tab } from './ui.js';

/** @typedef {import('./types').Job} Job */

/** All known songs by id. @type {import('@preact/signals').Signal<Map<string, Job>>} */
export const jobs = signal(new Map());

/** The ids of the songs that the library's search found, newest first; null before the first response.
 * @type {import('@preact/signals').Signal<string[] | null>}
 */
export const found = signal(null);

/** The current search in the library. */
export const search = signal({ text: '', favourites: false });

/** The id of the song in the middle of the page; empty for none. */
export const currentId = signal(new URLSearchParams(location.hash.slice(1)).get('song') ?? '');

export const current = computed(() => jobs.value.get(currentId.value) ?? null);

/** The service's state: device, model, queue. @type {import('@preact/signals').Signal<import('./types').Health | null>} */
export const health = signal(null);

/** The options of requests. @type {import('@preact/signals').Signal<import('./types').Options | null>} */
export const options = signal(null);

/** Waits until the options of requests have arrived, the user has to sign in, or the service is unreachable. @returns {Promise<void>} */
export function optionsKnown() {
  return new Promise((resolve) => {
    const stop = effect(() => {
      if (options.value !== null || locked.value || !reachable.value) {
        resolve();
        queueMicrotask(() => stop());
      }
    });
  });
}

/** The ids of the songs that were deleted on the page but not yet in the service. @type {import('@preact/signals').Signal<Set<string>>} */
export const leaving = signal(new Set());

/** The sentences that screen readers announce: changes in songs' states, and nothing else. */
export const announcement = signal('');

/** The number of songs being made and the number of songs waiting. */
export const busy = computed(() => {
  const states = [...jobs.value.values()].map((job) => job.state);
  const known = { running: states.filter((state) => state === 'running').length,
    depth: states.filter((state) => state === 'queued').length };
  const reported = health.value?.queue;
  return { running: Math.max(known.running, reported?.running ?? 0), depth: Math.max(known.depth, reported?.depth ?? 0) };
});

const PageSize = 100;
/** @type {(keyof Job)[]} */
const LiveFields = ['state', 'queue_position', 'progress', 'estimated_seconds_left', 'audible_seconds', 'sections', 'error', 'song'];
/** Sentences within this many milliseconds of the first one are announced together, because a new one interrupts the previous one. */
const AnnouncementDelay = 150;
/** @type {EventSource | null} */
let source = null;
/** @type {string | null} */
let nextPage = null;
let searches = 0;
/** @type {string[]} */
let unannounced = [];
/** The last announced state of each song, by its id. @type {Map<string, string>} */
const announcedStates = new Map();

/** @param {Job} job */
export function isUnfinished(job) {
  return job.state === 'queued' || job.state === 'running';
}

/** Returns false for a song that is only a score. @param {Job} job */
export function hasSound(job) {
  return job.request?.stage !== 'score';
}

/** Reloads everything. Called at the start, after a sign-in, and when the service is back. */
export async function refresh() {
  try {
    const [state, possible] = await Promise.all([
      fetch('/health').then((response) => response.json()), options.value ?? send('GET', '/v1/options'), findSongs(),
      currentId.value ? readJob(currentId.value) : null]);
    batch(() => {
      health.value = state;
      options.value = possible;
    });
    if (!source) {
      follow();
    }

    if (state.state === 'loading') {
      window.setTimeout(readHealth, 1000);
    }
  } catch {
    if (!locked.value) {
      reachable.value = false;
      window.setTimeout(refresh, 2000);
    }
  }
}

/** Reads the first page of search results. */
export async function findSongs() {
  const number = ++searches;
  const page = await readPage('');
  if (number === searches) {
    take(page.songs);
    found.value = page.songs.map((job) => job.id);
    nextPage = page.next_cursor;
  }
}

/** Reads the next page, if there is one. */
export async function findMore() {
  const cursor = nextPage;
  nextPage = null;
  if (cursor) {
    const page = await readPage(cursor);
    take(page.songs);
    found.value = [...(found.value ?? []), ...page.songs.map((job) => job.id)];
    nextPage = page.next_cursor;
  }
}

/** @param {string} cursor @returns {Promise<{ songs: Job[], next_cursor: string | null }>} */
function readPage(cursor) {
  const query = new URLSearchParams({ limit: String(PageSize) });
  if (search.value.text) {
    query.set('q', search.value.text);
  }

  if (search.value.favourites) {
    query.set('favourite', 'true');
  }

  if (cursor) {
    query.set('cursor', cursor);
  }

  return send('GET', `/v1/songs?${query}`);
}

/** Reads a song with its lyrics and request; returns null if that fails or the song was removed.
 * @param {string} id
 * @returns {Promise<Job | null>}
 */
export async function readJob(id) {
  try {
    const job = await send('GET', `/v1/songs/${id}`);
    take([job]);
    return job;
  } catch (error) {
    if (error instanceof Problem && error.status === 404) {
      forget(id);
    }

    return null;
  }
}

/** Reads the takes of a group that are not loaded yet. @param {string} group */
export async function readTakes(group) {
  try {
    const { takes } = await send('GET', `/v1/groups/${group}`);
    await Promise.all(takes.filter((/** @type {Job} */ { id }) => !jobs.value.has(id)).map((/** @type {Job} */ { id }) => readJob(id)));
  } catch {
    // The song is shown without its takes.
  }
}

/** Stores songs, and announces those whose state changed. @param {Job[]} news @param {boolean} [isEvent] */
function take(news, isEvent = false) {
  const all = new Map(jobs.value);
  let hasChanged = false;
  for (const job of news) {
    const known = all.get(job.id);
    // An event may arrive before an older response. Lists and events contain neither lyrics nor requests.
    const isOld = known && !isEvent && percentOf(job) < percentOf(known);
    all.set(job.id, { ...known, ...job, ...(isOld ? liveFieldsOf(known) : {}) });
    if (known && !isOld && known.state !== job.state) {
      hasChanged = true;
      announceState({ ...known, ...job });
    }
  }

  jobs.value = all;
  if (hasChanged) {
    readHealth();
  }
}

/** Returns a song's percentage, which never decreases while the song is being made; -1 before that and 101 after. @param {Job} job */
function percentOf(job) {
  return job.state === 'queued' ? -1 : job.state === 'running' ? job.progress?.percent ?? 0 : 101;
}

/** Returns the fields that change while a song is waiting and being made. @param {Job} job @returns {Partial<Job>} */
function liveFieldsOf(job) {
  return Object.fromEntries(LiveFields.filter((name) => name in job).map((name) => [name, job[name]]));
}

/** @param {string} id */
function forget(id) {
  const all = new Map(jobs.value);
  all.delete(id);
  batch(() => {
    jobs.value = all;
    found.value = found.value?.filter((other) => other !== id) ?? null;
    if (currentId.value === id) {
      show('');
    }
  });
}

/** Follows the events of all songs, even after restarts of the service. */
function follow() {
  source?.close();
  const events = new EventSource('/v1/events');
  source = events;
  events.onopen = () => { reachable.value = true; };
  events.addEventListener('snapshot', (event) => applySnapshot(JSON.parse(event.data).jobs));
  for (const name of ['queued', 'running', 'succeeded', 'failed', 'cancelled']) {
    events.addEventListener(name, (event) => applyEvent(JSON.parse(event.data)));
  }

  events.addEventListener('edited', (event) => readJob(JSON.parse(event.data).id));
  events.addEventListener('removed', (event) => forget(JSON.parse(event.data).id));
  events.onerror = () => {
    if (source === events && !locked.value) {
      reachable.value = false;
    }

    if (events.readyState === EventSource.CLOSED && source === events) {
      source = null;
      window.setTimeout(refresh, 1000);
    }
  };
}

/** @param {Job[]} unfinished The songs that are waiting or being made; all others have ended. */
function applySnapshot(unfinished) {
  const ids = new Set(unfinished.map((job) => job.id));
  unfinished.forEach(applyEvent);
  [...jobs.value.values()].filter((job) => isUnfinished(job) && !ids.has(job.id)).forEach((job) => readJob(job.id));
}

/** @param {Job} news */
function applyEvent(news) {
  const job = jobs.value.get(news.id);
  if (!job) {
    // Another client requested this song.
    readJob(news.id).then((found) => found && addFound(found.id));
    return;
  }

  take([news], true);
  // Events do not contain scores.
  const mayHaveScore = Boolean(job.request?.plan) && news.progress?.stage !== job.progress?.stage;
  if (!isUnfinished(news) || mayHaveScore) {
    readJob(news.id);
  }
}

/** Puts a new song at the top of the library, unless the library shows search results. @param {string} id */
function addFound(id) {
  if (!found.value?.includes(id) && search.value.text === '' && !search.value.favourites) {
    found.value = [id, ...(found.value ?? [])];
  }
}

async function readHealth() {
  try {
    health.value = await (await fetch('/health')).json();
    if (health.value?.state === 'loading') {
      window.setTimeout(readHealth, 1000);
    }
  } catch {
    // The event stream shows when the service is back.
  }
}

/** Announces the state of a song, unless it was announced already. @param {Job} job */
function announceState(job) {
  if (announcedStates.get(job.id) === job.state) {
    return;
  }

  announcedStates.set(job.id, job.state);
  const words = { queued: 'is waiting to be sung', running: 'is being sung', succeeded: 'is finished', failed: 'failed',
    cancelled: 'was cancelled' };
  if (unannounced.length === 0) {
    window.setTimeout(() => {
      announcement.value = unannounced.join('. ');
      unannounced = [];
    }, AnnouncementDelay);
  }

  unannounced.push(`${short(job.title)}${job.group ? `, take ${job.group.take},` : ''} ${words[job.state]}`);
}

/** Shows a song in the middle of the page. @param {string} id */
export function show(id) {
  currentId.value = id;
  history.replaceState(null, '', id ? `#song=${id}` : location.pathname);
  if (id && !jobs.value.get(id)?.request) {
    readJob(id);
  }
}

/** Requests a song and shows it.
 * @param {object} request
 * @returns {Promise<Job>}
 * @throws {Problem}
 */
export async function sing(request) {
  const made = await send('POST', '/v1/songs', { json: request, headers: { 'Idempotency-Key': newId() } });
  // Several takes form a group.
  const news = made.takes ? await Promise.all(made.takes.map((/** @type {Job} */ { id }) => send('GET', `/v1/songs/${id}`))) : [made];
  batch(() => {
    take(news);
    // The events may already have added them.
    const ids = news.map((job) => job.id);
    found.value = [...ids, ...(found.value ?? []).filter((id) => !ids.includes(id))];
    show(news[0].id);
    tab.value = 'song';
  });
  news.forEach(({ id }) => announceState(jobs.value.get(id) ?? news[0]));
  return news[0];
}

/** Changes the title, favorite mark or note, first on the page and then in the service.
 * @param {Job} job
 * @param {{ title?: string | null, favourite?: boolean, note?: string | null }} change
 */
export async function edit(job, change) {
  take([/** @type {Job} */ ({ ...job, ...change })]);
  try {
    take([await send('PATCH', `/v1/songs/${job.id}`, { json: change })]);
  } catch (error) {
    showToast({ text: /** @type {Error} */ (error).message });
    await readJob(job.id);
  }
}

/** Cancels a song that is waiting or being made. @param {Job} job */
export async function cancel(job) {
  try {
    const left = await send('DELETE', `/v1/songs/${job.id}`);
    if (left) {
      take([left]);
    }
  } catch (error) {
    showToast({ text: /** @type {Error} */ (error).message });
  }
}

/** Removes songs from the page, and from the service unless that is undone. @param {Job[]} list */
export function remove(list) {
  closeToast();
  const ids = list.map((job) => job.id);
  const before = currentId.value;
  leaving.value = new Set([...leaving.value, ...ids]);
  if (ids.includes(before)) {
    show('');
  }

  const back = () => {
    leaving.value = new Set([...leaving.value].filter((id) => !ids.includes(id)));
  };
  showToast({
    text: list.length === 1 ? `Deleted “${short(list[0].title)}”` : `Deleted ${list.length} requests`,
    action: 'Undo',
    run: () => {
      back();
      if (ids.includes(before)) {
        show(before);
      }
    },
    done: async () => {
      const results = await Promise.allSettled(ids.map(async (id) => {
        await send('DELETE', `/v1/songs/${id}`, { keepalive: true });
        forget(id);
      }));
      const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
      if (errors.length > 0) {
        const kept = errors.length === ids.length ? 'Nothing was deleted' : `Could not delete ${errors.length} of ${ids.length} songs`;
        showToast({ text: errors[0] instanceof Problem ? errors[0].message : `${kept}: the service is not responding.` });
      }

      back();
    },
  });
}

// Deleted songs are also removed from the service if the page is closed before the message disappears.
addEventListener('pagehide', closeToast);
