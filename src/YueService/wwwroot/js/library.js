// The right side: all songs, those that go on from another one under it.
import { computed, effect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { currentId, edit, findMore, findSongs, found, isUnfinished, jobs, leaving, search, show } from './jobs.js';
import { fromWords, songActions } from './song.js';
import { clock, html, Icon, Menu, since, tab } from './ui.js';

/** @typedef {import('./types').Job} Job */

/** The songs in the order in which they are shown, with their depth. */
const rows = computed(() => {
  const list = (found.value ?? []).map((id) => jobs.value.get(id)).filter((job) => job !== undefined && !leaving.value.has(job.id));
  const all = /** @type {Job[]} */ (list);
  const ids = new Set(all.map((job) => job.id));
  /** @type {Map<string, Job[]>} */
  const children = new Map();
  for (const job of all) {
    const first = job.group && job.group.take > 1
      ? all.find((other) => other.group?.id === job.group?.id && other.group?.take === 1)?.id : undefined;
    const parent = first ?? (job.parent && ids.has(job.parent.id) ? job.parent.id : '');
    children.set(parent, [...(children.get(parent) ?? []), job]);
  }

  // The newest first, but takes in their order.
  children.forEach((list) => list.sort((a, b) => (a.group && a.group.id === b.group?.id ? a.group.take - b.group.take : 0)));

  /** @param {Job[]} level @param {number} depth @returns {{ job: Job, depth: number }[]} */
  const flatten = (level, depth) => level.flatMap((job) => [{ job, depth }, ...flatten(children.get(job.id) ?? [], depth + 1)]);
  return flatten(children.get('') ?? [], 0);
});

let typing = 0;
effect(() => {
  void search.value;
  clearTimeout(typing);
  if (found.peek() !== null) {
    typing = window.setTimeout(() => findSongs().catch(() => {}), 200);
  }
});

export function Library() {
  const { text, favourites } = search.value;
  const list = rows.value;
  return html`<aside class="library panel" id="library" aria-label="Library">
    <div class="heading"><h2>Library</h2>
      <button type="button" class="quiet star" aria-pressed=${favourites} aria-label="Only favourites" title="Only favourites"
        onClick=${() => { search.value = { text, favourites: !favourites }; }}><${Icon} name="star" /></button></div>
    <input type="search" class="search" placeholder="Search songs and lyrics" aria-label="Search songs and lyrics" value=${text}
      onInput=${(/** @type {any} */ event) => { search.value = { text: event.target.value.trim(), favourites }; }} />
    ${list.length > 0 ? html`<ul class="items">${list.map(({ job, depth }) => html`<${Item} key=${job.id} job=${job}
      depth=${depth} />`)}</ul><${More} />`
      : html`<p class="none">${found.value === null ? '' : text || favourites ? 'Nothing found.' : 'Your songs will be here.'}</p>`}
  </aside>`;
}

/** @param {{ job: Job, depth: number }} props */
function Item({ job, depth }) {
  const isCurrent = currentId.value === job.id;
  const isBusy = isUnfinished(job);
  return html`<li class=${`item ${isCurrent ? 'on' : ''} depth-${Math.min(depth, 3)}`}>
    <button type="button" class="pick" aria-current=${isCurrent ? 'true' : undefined}
      onClick=${() => { show(job.id); tab.value = 'song'; }}>
      <b>${job.group && job.group.take > 1 && depth > 0 ? `Take ${job.group.take}` : job.title}</b><small>${describe(job)}</small>
      ${job.state === 'running' ? html`<progress max="100" value=${job.progress?.percent ?? 0} aria-label="Progress"></progress>` : null}
    </button>
    <span class="time">${isBusy ? '' : job.song ? clock(job.song.duration_seconds) : '–'}</span>
    <span class="tools">
      <button type="button" class="quiet star" aria-pressed=${job.favourite} aria-label=${`Favourite: ${job.title}`}
        onClick=${() => edit(job, { favourite: !job.favourite })}><${Icon} name="star" /></button>
      <${Menu} label=${html`<${Icon} name="more" />`} name=${`Actions for ${job.title}`} kind="quiet" items=${songActions(job)} />
    </span>
  </li>`;
}

/** @param {Job} job */
function describe(job) {
  return job.state === 'running' ? `singing · ${Math.floor(job.progress?.percent ?? 0)} %`
    : job.state === 'queued' ? (job.queue_position === 1 ? 'next in line' : 'waiting')
    : job.state === 'failed' ? 'failed' : job.state === 'cancelled' ? 'cancelled'
    : `${since(job.created_at)} · ${job.parent ? fromWords(job).replace(/ (of|from|in)$/, '').toLowerCase() : job.genre}`;
}

/** Reads the next page when the end of the list comes into sight. */
function More() {
  const end = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const watch = new IntersectionObserver(([entry]) => { if (entry.isIntersecting) { findMore().catch(() => {}); } },
      { rootMargin: '400px' });
    watch.observe(/** @type {Element} */ (end.current));
    return () => watch.disconnect();
  });
  return html`<div ref=${end} class="list-end"></div>`;
}
