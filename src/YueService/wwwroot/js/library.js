// The right side: all songs. Further takes are shown below the first one, and a song made from another song is shown below that song.
import { computed, effect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { currentId, edit, findMore, findSongs, found, jobs, leaving, remove, search, show } from './jobs.js';
import { fromWords, songActions } from './song.js';
import { clock, html, Icon, Menu, short, since, tab } from './ui.js';

/** @typedef {import('./types').Job} Job */

/** The songs that the search found, newest first. */
const listed = computed(() => /** @type {Job[]} */ ((found.value ?? []).map((id) => jobs.value.get(id))
  .filter((job) => job !== undefined && !leaving.value.has(job.id))));

/** The failed and cancelled requests, which are in a separate list. */
const unsung = computed(() => listed.value.filter(isUnsung));

/** @param {Job} job */
function isUnsung(job) {
  return job.state === 'failed' || job.state === 'cancelled';
}

/** The songs in display order, with their depth. */
const rows = computed(() => {
  const all = listed.value.filter((job) => !isUnsung(job));
  const ids = new Set(all.map((job) => job.id));
  /** The first take of each group. @type {Map<string, Job>} */
  const firsts = new Map();
  for (const job of all) {
    const first = job.group ? firsts.get(job.group.id) : undefined;
    if (job.group && (!first?.group || first.group.take > job.group.take)) {
      firsts.set(job.group.id, job);
    }
  }

  /** @type {Map<string, Job[]>} */
  const children = new Map();
  for (const job of all) {
    const first = job.group ? firsts.get(job.group.id)?.id : undefined;
    const parent = first && first !== job.id ? first : job.parent && ids.has(job.parent.id) ? job.parent.id : '';
    children.set(parent, [...(children.get(parent) ?? []), job]);
  }

  // Newest first, but takes in their own order.
  children.forEach((list) => list.sort((a, b) => (a.group && a.group.id === b.group?.id ? a.group.take - b.group.take : 0)));

  /** @param {Job[]} level @param {number} depth @returns {{ job: Job, depth: number }[]} */
  const flatten = (level, depth) => level.flatMap((job) => [{ job, depth }, ...flatten(children.get(job.id) ?? [], depth + 1)]);
  return flatten(children.get('') ?? [], 0);
});

const first = search.peek();
let typing = 0;
effect(() => {
  clearTimeout(typing);
  if (search.value !== first) {
    typing = window.setTimeout(() => findSongs().catch(() => {}), 200);
  }
});

export function Library() {
  const { text, favourites } = search.value;
  const list = rows.value;
  return html`<aside class="library panel" id="library" aria-label="Library">
    <div class="heading"><h2>Library</h2>
      <button type="button" class="quiet star" aria-pressed=${favourites} aria-label="Only favorites" title="Only favorites"
        onClick=${() => { search.value = { text, favourites: !favourites }; }}><${Icon} name="star" /></button></div>
    <input type="search" class="search" placeholder="Search songs and lyrics" aria-label="Search songs and lyrics" value=${text}
      onInput=${(/** @type {any} */ event) => { search.value = { text: event.target.value.trim(), favourites }; }} />
    <div class="list">
      ${list.length > 0 ? html`<ul class="items">${list.map(({ job, depth }) => html`<${Item} key=${job.id} job=${job}
        depth=${depth} />`)}</ul>` : found.value === null
        ? html`<p class="none late">Loading …</p>` : html`<p class="none">${nothing()}</p>`}
      ${found.value === null ? null : html`<${More} />`}
    </div>
    ${unsung.value.length > 0 ? html`<${Unsung} list=${unsung.value} />` : null}
  </aside>`;
}

/** Returns the text to show if there are no songs. */
function nothing() {
  const { text, favourites } = search.value;
  return text ? `No song contains “${short(text, 30)}”.`
    : favourites ? 'No favorites yet. Select the star of a song to keep it here.' : 'Your songs will be here.';
}

/** @param {{ list: Job[] }} props */
function Unsung({ list }) {
  const failed = list.filter((job) => job.state === 'failed').length;
  const cancelled = list.length - failed;
  return html`<details class="unsung"><summary>
      ${failed > 0 ? html`<b>${failed} failed</b>` : null}${failed > 0 && cancelled > 0 ? ', ' : ''}
      ${cancelled > 0 ? `${cancelled} cancelled` : ''}</summary>
    <ul class="items">${list.map((job) => html`<${Item} key=${job.id} job=${job} depth=${0} />`)}</ul>
    <button type="button" class="quiet" onClick=${() => remove(list)}>Delete ${list.length > 1 ? 'them all' : 'it'}</button></details>`;
}

/** @param {{ job: Job, depth: number }} props */
function Item({ job, depth }) {
  const isCurrent = currentId.value === job.id;
  // Below a song with the same title, an item's name says how it differs.
  const isTake = depth > 0 && (job.group?.take ?? 1) > 1;
  const isVersion = depth > 0 && job.parent !== null && jobs.value.get(job.parent.id)?.title === job.title;
  return html`<li class=${`item ${isCurrent ? 'on' : ''} depth-${Math.min(depth, 3)}`} aria-level=${depth + 1}>
    <button type="button" class="pick" aria-current=${isCurrent ? 'true' : undefined} title=${job.title.length > 24 ? job.title : undefined}
      onClick=${() => { show(job.id); tab.value = 'song'; }}>
      <b>${isTake ? `Take ${job.group?.take}` : isVersion ? remakeWords(job) : job.title}</b><span
        class="sr">, </span><small>${describe(job, isVersion)}</small>
      ${job.state === 'running' ? html`<progress max="100" value=${job.progress?.percent ?? 0} aria-label="Progress"></progress>` : null}
    </button>
    <span class="time">${job.song ? clock(job.song.duration_seconds) : ''}</span>
    <span class="tools">
      <button type="button" class="quiet star" aria-pressed=${job.favourite} aria-label=${`Favorite: ${job.title}`}
        onClick=${() => edit(job, { favourite: !job.favourite })}><${Icon} name="star" /></button>
      <${Menu} label=${html`<${Icon} name="more" />`} name=${`Actions for ${job.title}`} kind="quiet" items=${songActions(job)} />
    </span>
  </li>`;
}

/** Describes how a song was made from another one. @param {Job} job */
function remakeWords(job) {
  return fromWords(job).replace(/ (of|from|in)$/, '');
}

/** @param {Job} job @param {boolean} isVersion True if the item's name says how the song was made. */
function describe(job, isVersion) {
  return job.state === 'running' ? `singing · ${Math.floor(job.progress?.percent ?? 0)} %`
    : job.state === 'queued' ? (job.queue_position === 1 ? 'next in line' : 'waiting')
    : isUnsung(job) ? `${job.state} · ${since(job.created_at)}`
    : `${since(job.created_at)} · ${job.parent && !isVersion ? remakeWords(job).toLowerCase() : job.genre}`;
}

/** Reads the next page when the end of the list becomes visible. */
function More() {
  const end = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const watch = new IntersectionObserver(([entry]) => { if (entry.isIntersecting) { findMore().catch(() => {}); } },
      { root: end.current?.parentElement, rootMargin: '400px' });
    watch.observe(/** @type {Element} */ (end.current));
    return () => watch.disconnect();
  });
  return html`<div ref=${end} class="list-end"></div>`;
}
