// The middle of the page: the song, from its place in the queue to the last section sung again.
import { computed, effect, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { send, toJson } from './api.js';
import { addCard, cards, cardsOf, freshSeed, open as openRequest, remake } from './form.js';
import { cancel, current, currentId, edit, found, isUnfinished, jobs, options, readTakes, remove, show } from './jobs.js';
import { close, isPlaying, knownSeconds, open, play, playingId, position, seek, useGains } from './player.js';
import { trackOf } from './sound.js';
import { copy, count, html, Icon, Menu, roughly, tab } from './ui.js';
import { Wave } from './wave.js';
import { submit } from './write.js';

/** @typedef {import('./types').Job} Job */
/** @typedef {import('./wave.js').Block} Block */

/** The length of a section before the service has estimated it. */
const Guess = 8;

/** The chosen section of the current song; -1 for none. */
const chosen = signal(-1);

/** The song whose title is being changed. */
export const renaming = signal('');

effect(() => {
  void currentId.value;
  chosen.value = -1;
});

export function Song() {
  const job = current.value;
  return html`<main class="song panel" id="song" aria-label="Song">
    ${job ? html`<${SongView} key=${job.id} job=${job} />` : found.value?.length === 0 ? html`<${Welcome} />` : html`<div
      class="welcome"><h1>Your songs</h1>
      <p>Choose one on the right, or write the next one.</p></div>`}
  </main>`;
}

function Welcome() {
  return html`<div class="welcome">
    <h1>Write it. Press Sing. Listen.</h1>
    <p>An example is filled in: press <b>Sing this song</b>, and you hear it begin within seconds.</p>
    <ol><li><b>Sound</b> says what it sounds like: genre, instruments, mood, voice.</li>
      <li><b>Lyrics</b> are sung section by section.</li>
      <li>Keep what you love; sing the rest again.</li></ol>
  </div>`;
}

/** @param {{ job: Job }} props */
function SongView({ job }) {
  const isThere = job.request !== undefined && (job.state === 'succeeded' || isUnfinished(job));
  useEffect(() => {
    if (isThere && job.song) {
      knownSeconds.set(job.id, job.song.duration_seconds);
      names(job).forEach((name) => trackOf(job.id, name).sketch());
    } else if (isThere && isUnfinished(job)) {
      names(job).forEach((name) => trackOf(job.id, name).load(true));
      trackOf(job.id, 'mix').load(true);
    }
  }, [job.id, job.state, isThere, job.song === null]);
  // Connections are few: stems of a song that is no longer shown are not read on.
  useEffect(() => () => ['vocal', 'instrumental'].forEach((name) => trackOf(job.id, name).stop()), [job.id]);
  const isAudible = job.state === 'succeeded' || job.state === 'running';
  return html`<${Heading} job=${job} />
    <${Takes} job=${job} />
    <${State} job=${job} />
    ${isAudible && job.request ? html`<${Sheet} job=${job} />` : null}
    ${isAudible ? null : html`<${Words} job=${job} blocks=${[]} />`}`;
}

/** @param {Job} job @returns {('mix' | 'vocal' | 'instrumental')[]} */
function names(job) {
  const hasStems = job.song ? job.song.tracks.includes('vocal') : job.request?.output?.stems;
  return hasStems ? ['vocal', 'instrumental'] : ['mix'];
}

/** @param {{ job: Job }} props */
function Heading({ job }) {
  const isRenamed = renaming.value === job.id;
  const rename = (/** @type {any} */ event) => {
    renaming.value = '';
    const title = event.target.value.trim();
    if (title !== job.title) {
      edit(job, { title: title || null });
    }
  };
  const seed = job.song?.seed ?? job.request?.seed;
  const sub = [job.genre, seed === undefined ? null : `seed ${seed}`, job.song?.model ? `${job.song.model} model` : null,
    job.request?.stage === 'draft' ? 'draft' : null];
  return html`<header class="title">
    ${isRenamed ? html`<input class="rename" aria-label="Title" value=${job.title} maxlength="200"
      ref=${(/** @type {HTMLInputElement | null} */ input) => input?.focus()}
        onBlur=${rename} onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
          if (event.key === 'Enter') { rename(event); } else if (event.key === 'Escape') { renaming.value = ''; }
        }} />`
    : html`<h1 title="Double-click renames it" onDblClick=${() => { renaming.value = job.id; }}>${job.title}</h1>`}
    <button type="button" class="star" aria-pressed=${job.favourite} aria-label="Favourite" title="Favourite"
      onClick=${() => edit(job, { favourite: !job.favourite })}><${Icon} name="star" /></button>
  </header>
  <p class="sub">${sub.filter(Boolean).join(' · ')}</p>
  ${job.parent ? html`<p class="sub from">${fromWords(job)} <button type="button" class="link"
    onClick=${() => show(job.parent?.id ?? '')}>the song it comes from</button></p>` : null}`;
}

/** @param {Job} job */
export function fromWords(job) {
  const { how, section } = job.parent ?? { how: '', section: null };
  return how === 'finish' ? 'Finished draft of' : how === 'continue' ? 'Goes on from' : `Section ${section} sung again in`;
}

/** @param {Job} job Returns the takes of a song's request, in their order; none for a song that is alone. */
export function takesOf(job) {
  const group = job.group;
  return group ? [...jobs.value.values()].filter((other) => other.group?.id === group.id)
    .sort((a, b) => (a.group?.take ?? 0) - (b.group?.take ?? 0)) : [];
}

/** @param {Job} take Shows another take; a player that plays one of them goes on with it at the same place. */
export function switchTake(take) {
  const isHeard = jobs.value.get(playingId.value)?.group?.id === take.group?.id;
  show(take.id);
  if (isHeard && playingId.value !== take.id) {
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
  const again = html`<button type="button" class="button strong" onClick=${() => submit(job.request ?? {})}>Sing it again</button>`;
  const words = html`<button type="button" class="button"
    onClick=${() => { openRequest(job.request ?? {}); tab.value = 'write'; }}>Change the words</button>`;
  if (job.state === 'queued') {
    const place = job.queue_position ? (job.queue_position === 1 ? 'Next in line'
      : `${job.queue_position - 1} in line before it`) : 'Waiting';
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

  return job.state === 'failed' ? html`<div class="state bad"><p>${job.error?.detail ?? 'This song failed.'}</p>${again}${words}</div>`
    : job.state === 'cancelled' ? html`<div class="state"><p><b>Cancelled.</b></p>${again}${words}</div>`
    : null;
}

/** @param {Job} job */
function stageWords(job) {
  const { stage, section, sections } = job.progress ?? { stage: '', section: 0, sections: 0 };
  return stage === 'stage1' ? (section > 0 ? `Writing section ${section} of ${sections}` : 'Reading the lyrics')
    : stage === 'stage2' ? 'Refining the sound' : stage === 'decode' ? 'Making the sound' : 'Beginning';
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
    // Where a section starts is known as soon as its first frame is written.
    start = known[index]?.start_seconds ?? start;
    const next = known[index + 1]?.start_seconds;
    const seconds = next === undefined ? guessed : next - start;
    const block = /** @type {Block} */ ({ tag, start, seconds,
      state: heard.seconds > start + seconds ? 'done' : heard.seconds > start ? 'now' : 'todo' });
    start += seconds;
    return block;
  });
}

/**
 * The sections of songs that are being made, with about how long they will be, by the song's id.
 * @type {import('@preact/signals').Signal<Map<string, { tag: string, seconds: number }[]>>}
 */
const expectations = signal(new Map());
const asked = new Set();

/** @param {Job} job */
function expected(job) {
  if (!asked.has(job.id) && job.request) {
    asked.add(job.id);
    send('POST', '/v1/songs/check', { json: job.request }).then((told) => {
      const sections = told.sections.filter((/** @type {any} */ section) => section.in_song)
        .map((/** @type {any} */ section) => ({ tag: section.tag, seconds: section.estimated_seconds ?? Guess }));
      expectations.value = new Map(expectations.value).set(job.id, sections);
    }, () => {});
  }

  return expectations.value.get(job.id)
    ?? cardsOf(job.request?.lyrics ?? '').map((card) => ({ tag: card.written || 'verse', seconds: Guess }));
}

/** @param {{ job: Job }} props */
function Sheet({ job }) {
  const blocks = blocksOf(job);
  const track = trackOf(job.id, 'mix');
  void track.arrived.value;
  const written = blocks.reduce((sum, block) => sum + block.seconds, 0);
  const seconds = job.song?.duration_seconds ?? Math.max(written, track.seconds, 1);
  const pick = (/** @type {number} */ index) => {
    chosen.value = chosen.value === index ? -1 : index;
    listen(job, blocks[index].start);
  };
  return html`<${Wave} id=${job.id} names=${names(job)} blocks=${blocks} seconds=${seconds} isWhole=${job.song !== null}
    chosen=${chosen.value}
      onChoose=${pick} onAdd=${job.song ? () => goOn(job) : null} />
    ${job.song ? html`<${Actions} job=${job} blocks=${blocks} />` : null}
    ${job.song?.warnings?.length ? html`<details class="warnings"><summary>${count(job.song.warnings.length, 'note')}</summary>
      <ul>${job.song.warnings.map((text) => html`<li key=${text}>${text}</li>`)}</ul></details>` : null}
    <${Words} job=${job} blocks=${blocks} />`;
}

/** @param {Job} job @param {number} at */
function listen(job, at) {
  if (playingId.value === job.id) {
    seek(at);
    if (!isPlaying.value) {
      play();
    }
  } else {
    open(job.id, { play: true, at });
  }
}

/** @param {Job} job Writes on: what was sung is kept, and a section is added. */
function goOn(job) {
  openRequest({ ...job.request, seed: undefined, run_n_segments: 0 });
  remake.value = { how: 'continue', id: job.id, title: job.title, section: 0, sung: job.song?.sections.length ?? 0 };
  const { key } = addCard();
  tab.value = 'write';
  requestAnimationFrame(() => requestAnimationFrame(() => document.getElementById(`words-${key}`)?.focus()));
}

/** @param {Job} job @param {number} index Opens the words of a section that is to be sung again. */
function editSection(job, index) {
  openRequest({ ...job.request, seed: undefined, run_n_segments: 0 });
  remake.value = { how: 'replace_section', id: job.id, title: job.title, section: index + 1, sung: job.song?.sections.length ?? 0 };
  tab.value = 'write';
  const card = cards.value[index];
  requestAnimationFrame(() => requestAnimationFrame(() => card && document.getElementById(`words-${card.key}`)?.focus()));
}

/** @param {{ job: Job, blocks: Block[] }} props */
function Actions({ job, blocks }) {
  const index = chosen.value;
  const block = blocks[index];
  const isDraft = job.song?.stage === 'draft';
  const base = { lyrics: job.request?.lyrics, genre: job.request?.genre, output: { stems: true } };
  const again = block
    ? () => submit({ ...base, continue_from: job.id, replace_section: index + 1, seed: freshSeed() })
    : () => submit({ ...job.request, seed: freshSeed() });
  const words = () => {
    if (block) {
      editSection(job, index);
    } else {
      openRequest({ ...job.request, seed: undefined });
      tab.value = 'write';
    }
  };
  const audio = (/** @type {string} */ track, /** @type {string} */ format) => `/v1/songs/${job.id}/audio?track=${track}&format=${format}`;
  return html`<div class="acts">
    ${isDraft ? html`<button type="button" class="button strong"
      onClick=${() => submit({ continue_from: job.id, stage: 'finish', output: { stems: true } })}>Finish it</button>` : null}
    <button type="button" class=${`button ${isDraft ? '' : 'strong'}`}
      onClick=${again}>${block ? `Sing ${block.tag} again` : 'Sing again'}</button>
    <button type="button" class="button" onClick=${words}>Edit words</button>
    <button type="button" class="button go-on" onClick=${() => goOn(job)}>Continue</button>
    <${Menu} label=${html`<${Icon} name="save" />`} name="Download" items=${[
      ...(options.value?.formats ?? []).filter((format) => format.available)
        .map(({ name }) => ({ label: name.toUpperCase(), href: audio('mix', name) })),
      ...(names(job).length > 1 ? [{ label: 'Vocal', hint: 'WAV', href: audio('vocal', 'wav') },
        { label: 'Band', hint: 'WAV', href: audio('instrumental', 'wav') }] : []),
    ]} />
    <${Menu} label=${html`<${Icon} name="more" />`} name="More actions" items=${songActions(job)} />
  </div>`;
}

/** @param {Job} job Returns what can be done with any song. */
export function songActions(job) {
  const withRequest = async () => job.request ?? (await send('GET', `/v1/songs/${job.id}`)).request;
  return [
    { label: 'Write another like it', run: async () => { openRequest({ ...await withRequest(), seed: undefined }); tab.value = 'write'; } },
    { label: 'Rename', run: () => { show(job.id); tab.value = 'song'; renaming.value = job.id; } },
    { label: 'Copy as JSON', run: async () => copy(toJson(await withRequest(), 2)) },
    { label: 'Copy as curl', run: async () => copy(curl(await withRequest())) },
    isUnfinished(job) ? { label: 'Cancel', run: () => cancel(job) } : { label: 'Delete', run: () => remove(job) },
  ];
}

/** @param {object} request */
function curl(request) {
  const body = toJson(request).replaceAll("'", "'\\''");
  return `curl ${location.origin}/v1/songs -H 'Content-Type: application/json' -d '${body}'`;
}

/** @param {{ job: Job, blocks: Block[] }} props The words, of which the section that is heard stands out. */
function Words({ job, blocks }) {
  const list = cardsOf(job.request?.lyrics ?? '');
  const at = playingId.value === job.id
    ? blocks.findIndex((block) => position.value >= block.start && position.value < block.start + block.seconds) : -1;
  return html`<div class="lyrics">${list.map((card, index) => html`<section key=${index} class=${index === at ? 'now' : ''}>
    <h3>${card.written || 'verse'}</h3><p>${card.text}</p></section>`)}</div>`;
}

// A player that plays a deleted song stops.
effect(() => {
  if (playingId.value && found.value !== null && !jobs.value.has(playingId.value)) {
    close();
  }
});
