// The middle of the page: the current song, from the queue to the finished sound.
import { computed, effect, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { isSignedIn, send, toJson } from './api.js';
import { open as openRequest } from './drafts.js';
import { cardsOf } from './form.js';
import { cancel, current, currentId, edit, found, hasSound, isUnfinished, jobs, readTakes, remove, show } from './jobs.js';
import { close, isPlaying, knownSeconds, open, playingId, position, useGains } from './player.js';
import { trackOf } from './sound.js';
import { copy, count, html, Icon, Menu, roughly, tab } from './ui.js';
import { readScores, scores, singAgain } from './write.js';

/** @typedef {import('./types').Job} Job */
/** @typedef {{ tag: string, start: number, seconds: number, state: 'done' | 'now' | 'kept' | 'todo' }} Block */

/** The assumed length of a section in seconds, until the service has estimated it. */
const Guess = 8;

/** Titles with more characters than this may not fit, so they are shown in full on focus or hover. */
const LongTitle = 40;

/** The id of the song whose title is being changed; empty for none. */
export const renaming = signal('');

/** The part of the page that shows a song's sound; loaded when a song is shown.
 * @type {import('@preact/signals').Signal<typeof import('./sheet.js') | null>}
 */
const sheets = signal(null);

async function readSheet() {
  try {
    sheets.value ??= await import('./sheet.js');
  } catch {
    // Loading is attempted again with the next song.
  }
}

if (currentId.peek()) {
  readSheet();
}

export function Song() {
  const job = current.value;
  return html`<main class="song panel" id="song" aria-label="Song">
    ${job ? html`<${SongView} key=${job.id} job=${job} />` : found.value === null || currentId.value
      ? html`<p class="none late">Loading …</p>`
      : found.value.length === 0 ? html`<${Welcome} />`
      : html`<div class="welcome"><h1>Your songs</h1><p>Choose one from the library, or write the next one.</p></div>`}
  </main>`;
}

function Welcome() {
  return html`<div class="welcome">
    <h1>Write it. Press Sing. Listen.</h1>
    <p>An example is filled in: press <b>Sing this song</b>, and you hear it begin within seconds.</p>
    <ol><li><b>Sound</b> says what it sounds like: genre, instruments, mood, voice.</li>
      <li><b>Lyrics</b> are sung section by section.</li>
      <li>Keep what you love; sing the rest again.</li></ol>
    <button type="button" class="button strong on-phone" onClick=${() => { tab.value = 'write'; }}>Show the example</button>
  </div>`;
}

/** @param {{ job: Job }} props */
function SongView({ job }) {
  const isThere = job.request !== undefined && hasSound(job) && (job.state === 'succeeded' || isUnfinished(job));
  useEffect(() => {
    if (isThere && job.song) {
      names(job).forEach((name) => trackOf(job.id, name).sketch());
    } else if (isThere && isUnfinished(job)) {
      names(job).forEach((name) => trackOf(job.id, name).load(true));
      trackOf(job.id, 'mix').load(true);
    }
  }, [job.id, job.state, isThere, job.song === null]);
  // Browsers allow only a few connections, so the stems stop loading when the song is no longer shown.
  useEffect(() => () => ['vocal', 'instrumental'].forEach((name) => trackOf(job.id, name).stop()), [job.id]);
  const isAudible = job.state === 'succeeded' || job.state === 'running';
  useEffect(() => { readSheet(); }, [job.id, isAudible]);
  const score = scoreOf(job);
  useEffect(() => {
    if (score !== null) {
      readScores();
    }
  }, [score !== null]);
  const Sheet = sheets.value?.Sheet;
  return html`<${Heading} job=${job} />
    <${Takes} job=${job} />
    <${State} job=${job} />
    ${isAudible && job.request && Sheet ? html`<${Sheet} job=${job} names=${names(job)} />` : null}
    ${score !== null && job.request && scores.value ? html`<${scores.value.SongScore} job=${job} abc=${score} />` : null}
    <${Words} job=${job} blocks=${isAudible ? blocksOf(job) : []} />`;
}

/** Returns the score that the song follows; null without one, or before it is complete. @param {Job} job */
function scoreOf(job) {
  return job.song?.score ?? job.score ?? null;
}

/** @param {Job} job @returns {('mix' | 'vocal' | 'instrumental')[]} */
function names(job) {
  const hasStems = job.song ? job.song.tracks.includes('vocal') : job.request?.output?.stems;
  return hasStems ? ['vocal', 'instrumental'] : ['mix'];
}

/** @param {{ job: Job }} props */
function Heading({ job }) {
  const isRenamed = renaming.value === job.id;
  const seed = job.song?.seed ?? job.request?.seed;
  const sub = [job.genre, seed === undefined ? null : `seed ${seed}`, job.song?.model ? `${job.song.model} model` : null,
    job.request?.stage === 'draft' ? 'draft' : null].filter(Boolean).join(' · ');
  return html`<header class="title">
    ${isRenamed ? html`<${Rename} job=${job} />`
    : html`<h1 tabindex=${job.title.length > LongTitle ? 0 : undefined} title="Double-click to rename"
      onDblClick=${() => { renaming.value = job.id; }}><span>${job.title}</span></h1>`}
    <button type="button" class="star" aria-pressed=${job.favourite} aria-label="Favorite" title="Favorite"
      onClick=${() => edit(job, { favourite: !job.favourite })}><${Icon} name="star" /></button>
  </header>
  <p class="sub" title=${sub}>${sub}</p>
  ${job.parent ? html`<p class="sub from">${fromWords(job)} <button type="button" class="link"
    onClick=${() => show(job.parent?.id ?? '')}>the song it comes from</button></p>` : null}`;
}

/** @param {{ job: Job }} props */
function Rename({ job }) {
  const end = (/** @type {any} */ event) => {
    renaming.value = '';
    const title = event.target.value.trim();
    if (title !== job.title) {
      rename(job, title);
    }
  };
  return html`<input class="rename" aria-label="Title of the song" value=${job.title} maxlength="200"
    ref=${(/** @type {HTMLInputElement | null} */ input) => input?.focus()} onBlur=${end}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
      if (event.key === 'Enter') { end(event); } else if (event.key === 'Escape') { renaming.value = ''; }
    }} />`;
}

/** Renames a song and the takes that have the same title; an empty title restores the default. @param {Job} job @param {string} title */
function rename(job, title) {
  const same = takesOf(job).filter((take) => take.title === job.title && take.id !== job.id);
  [job, ...same].forEach((take) => edit(take, { title: title || null }));
}

/** @param {Job} job */
export function fromWords(job) {
  const { how, section } = job.parent ?? { how: '', section: null };
  const tag = tagOf(job, section ?? 1);
  return how === 'finish' ? 'Finished draft of' : how === 'continue' ? 'Continued from'
    : `${tag.charAt(0).toUpperCase()}${tag.slice(1)} sung again in`;
}

/** Returns the takes of a song's request, in order; empty for a song without takes. @param {Job} job */
export function takesOf(job) {
  const group = job.group;
  return group ? [...jobs.value.values()].filter((other) => other.group?.id === group.id)
    .sort((a, b) => (a.group?.take ?? 0) - (b.group?.take ?? 0)) : [];
}

/** Shows another take. If a take of the same group is in the player, the player switches to the shown take at the same position.
 * @param {Job} take
 */
export function switchTake(take) {
  const isHeard = jobs.value.get(playingId.value)?.group?.id === take.group?.id;
  show(take.id);
  if (isHeard && playingId.value !== take.id && (take.song !== null || isUnfinished(take))) {
    open(take.id, { play: isPlaying.value, at: position.value });
  }
}

useGains(computed(() => {
  const gains = new Map();
  for (const job of jobs.value.values()) {
    const levels = takesOf(job).map((take) => take.song?.mix_lufs ?? Infinity);
    const gain = Math.min(...levels) - (job.song?.mix_lufs ?? Infinity);
    if (Number.isFinite(gain)) {
      gains.set(job.id, gain);
    }
  }

  return gains;
}));

/** @param {{ job: Job }} props */
function Takes({ job }) {
  const takes = takesOf(job);
  const group = job.group?.id;
  useEffect(() => {
    if (group) {
      readTakes(group);
    }
  }, [group]);
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step !== 0) {
      const at = takes.findIndex((take) => take.id === job.id);
      switchTake(takes[(at + step + takes.length) % takes.length]);
      requestAnimationFrame(() => /** @type {HTMLElement | null} */ (document.querySelector('.takes [aria-selected=true]'))?.focus());
    }
  };
  return takes.length < 2 ? null : html`<div class="takes" role="tablist" aria-label="Takes"
    onKeyDown=${keys}>${takes.map((take) => html`<button type="button" role="tab" key=${take.id}
    aria-selected=${take.id === job.id} tabindex=${take.id === job.id ? 0 : -1}
      onClick=${() => switchTake(take)}>Take ${take.group?.take}<kbd aria-hidden="true">${takeState(take)}</kbd></button>`)}</div>`;
}

/** @param {Job} take */
function takeState(take) {
  return take.state === 'running' ? `${Math.floor(take.progress?.percent ?? 0)} %` : take.state === 'queued' ? '…'
    : take.state === 'succeeded' ? take.group?.take : '✕';
}

/** @param {{ job: Job }} props */
function State({ job }) {
  const again = html`<button type="button" class="button strong" onClick=${() => singAgain(job.request ?? {})}>Sing it again</button>`;
  const words = html`<button type="button" class="button"
    onClick=${() => { openRequest(job.request ?? {}); tab.value = 'write'; }}>Change the words</button>`;
  if (job.state === 'queued') {
    const place = job.queue_position ? (job.queue_position === 1 ? 'Next in line'
      : `Waiting for ${count(job.queue_position - 1, 'song')}`) : 'Waiting';
    return html`<div class="state"><p><b>${place}</b>
      ${job.estimated_seconds_left ? ` · finished in about ${roughly(job.estimated_seconds_left)}` : ''}</p>
      <button type="button" class="button" onClick=${() => cancel(job)}>Cancel</button></div>`;
  }

  if (job.state === 'running') {
    const percent = job.progress?.percent ?? 0;
    const left = job.estimated_seconds_left ? ` · ${roughly(job.estimated_seconds_left)} left` : '';
    return html`<div class="state"><div class="progress"><p><b>${stageWords(job)}</b> · ${Math.floor(percent)} %${left}</p>
      <progress max="100" value=${percent} aria-label="Progress"></progress></div>
      <button type="button" class="button" onClick=${() => cancel(job)}>Cancel</button></div>`;
  }

  return job.state === 'failed' ? html`<div class="state bad"><p><b>This song failed.</b> ${job.error?.detail}</p>${again}${words}
      <small>Job ${job.id}</small></div>`
    : job.state === 'cancelled' ? html`<div class="state"><p><b>Cancelled.</b></p>${again}${words}</div>`
    : null;
}

/** @param {Job} job */
function stageWords(job) {
  const { stage, section, sections } = job.progress ?? { stage: '', section: 0, sections: 0 };
  return stage === 'stage1' ? (section === 0 ? 'Reading the lyrics'
    : job.parent?.how === 'replace_section' ? `Writing the new ${tagOf(job, job.parent.section ?? 1)}`
    : `Writing section ${section} of ${sections}`)
    : stage === 'score' ? 'Writing the score' : stage === 'music' ? 'Writing the music' : stage === 'flow' ? 'Rendering the music'
    : stage === 'stage2' ? 'Refining the sound' : stage === 'decode' ? 'Making the sound' : 'Starting';
}

/** Returns the name of a section; section numbers begin at 1. @param {Job} job @param {number} section */
function tagOf(job, section) {
  // A song from a list has no lyrics.
  const song = job.song ?? jobs.value.get(job.parent?.id ?? '')?.song;
  return cardsOf(job.request?.lyrics ?? '')[section - 1]?.written || song?.sections[section - 1]?.tag || `section ${section}`;
}

/** @param {Job} job @returns {Block[]} */
export function blocksOf(job) {
  if (job.song) {
    return job.song.sections.map((section) => ({
      tag: section.tag, start: section.start_seconds, seconds: section.seconds, state: 'done' }));
  }

  const heard = trackOf(job.id, 'mix');
  void heard.arrived.value;
  const known = job.sections ?? [];
  let start = 0;
  return expected(job).map(({ tag, seconds: guessed }, index) => {
    // The start of a section is known as soon as its first frame is written.
    start = known[index]?.start_seconds ?? start;
    const next = known[index + 1]?.start_seconds;
    const kept = keptSection(job, index);
    const seconds = next === undefined ? kept?.seconds ?? guessed : next - start;
    const block = /** @type {Block} */ ({ tag, start, seconds, state: heard.seconds > start + seconds ? 'done'
      : heard.seconds > start ? 'now' : kept ? 'kept' : 'todo' });
    start += seconds;
    return block;
  });
}

/**
 * Returns a section that a song keeps from its parent song; null if the section is sung.
 * @param {Job} job
 * @param {number} index
 * @returns {{ seconds?: number } | null}
 */
function keptSection(job, index) {
  const { id, how, section } = job.parent ?? { id: '', how: '', section: null };
  const sections = jobs.value.get(id)?.song?.sections ?? [];
  const isKept = how === 'replace_section' ? index !== (section ?? 1) - 1 : how === 'continue' && index < sections.length;
  return isKept ? sections[index] ?? {} : null;
}

/** The sections, with their estimated lengths, of songs that are being made, by the song's id.
 * @type {import('@preact/signals').Signal<Map<string, { tag: string, seconds: number }[]>>}
 */
const expectations = signal(new Map());
const asked = new Set();

/** @param {Job} job */
function expected(job) {
  if (!asked.has(job.id) && job.request) {
    asked.add(job.id);
    send('POST', '/v1/songs/check', { json: job.request }).then((response) => {
      const sections = response.sections.filter((/** @type {any} */ section) => section.in_song)
        .map((/** @type {any} */ section) => ({ tag: section.tag, seconds: section.estimated_seconds ?? Guess }));
      expectations.value = new Map(expectations.value).set(job.id, sections);
    }, () => {});
  }

  return expectations.value.get(job.id)
    ?? cardsOf(job.request?.lyrics ?? '').map((card) => ({ tag: card.written || 'verse', seconds: Guess }));
}

/** Returns the actions of a song's menu. @param {Job} job */
export function songActions(job) {
  const withRequest = async () => job.request ?? (await send('GET', `/v1/songs/${job.id}`)).request;
  return [
    { label: 'Write another like it', run: async () => { openRequest({ ...await withRequest(), seed: undefined }); tab.value = 'write'; } },
    { label: 'Rename', run: () => { show(job.id); tab.value = 'song'; renaming.value = job.id; } },
    { label: 'Copy as JSON', run: async () => copy(toJson(await withRequest(), 2)) },
    { label: 'Copy as curl', run: async () => copy(curl(await withRequest())) },
    isUnfinished(job) ? { label: 'Cancel', run: () => cancel(job) } : { label: 'Delete', run: () => remove([job]) },
  ];
}

/** Returns a POSIX shell command that sends a request with curl. It uses the first key in `YUE_API_KEY`.
 * @param {object} request
 */
function curl(request) {
  const body = toJson(request).replaceAll("'", "'\\''");
  const key = isSignedIn.value ? ' -H "Authorization: Bearer ${YUE_API_KEY%%,*}"' : '';
  return `curl ${location.origin}/v1/songs${key} -H 'Content-Type: application/json' -d '${body}'`;
}

/** The words, with the section that is playing highlighted. @param {{ job: Job, blocks: Block[] }} props */
function Words({ job, blocks }) {
  const list = cardsOf(job.request?.lyrics ?? '');
  const at = playingId.value === job.id
    ? blocks.findIndex((block) => position.value >= block.start && position.value < block.start + block.seconds) : -1;
  return html`<div class="lyrics">${list.map((card, index) => html`<section key=${index} class=${index === at ? 'now' : ''}>
    <h3>${card.written || 'verse'}</h3><p>${card.text}</p></section>`)}</div>`;
}

// The player has to know when a song is finished, even if another one is shown.
effect(() => jobs.value.forEach((job) => job.song && knownSeconds.set(job.id, job.song.duration_seconds)));

// The player stops if its song is deleted.
effect(() => {
  if (playingId.value && found.value !== null && !jobs.value.has(playingId.value)) {
    close();
  }
});
