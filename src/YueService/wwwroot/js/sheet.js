// A song's sound: the waveform with its sections, actions, and notices.
import { effect, signal } from '@preact/signals';
import { openRemake, open as openRequest } from './drafts.js';
import { cards, cardsOf, freshSeed } from './form.js';
import { currentId, hasSound, options } from './jobs.js';
import { focusWords, plain } from './lyrics.js';
import { isPlaying, open, play, playingId, seek } from './player.js';
import { blocksOf, songActions } from './song.js';
import { trackOf } from './sound.js';
import { count, html, Icon, Menu, tab } from './ui.js';
import { Wave } from './wave.js';
import { singAgain } from './write.js';

/** @typedef {import('./types').Job} Job */
/** @typedef {import('./song.js').Block} Block */

/** The index of the chosen section of the current song; -1 for none. */
const chosen = signal(-1);

effect(() => {
  void currentId.value;
  chosen.value = -1;
});

/** @param {{ job: Job, names: ('mix' | 'vocal' | 'instrumental')[] }} props */
export function Sheet({ job, names }) {
  const blocks = blocksOf(job);
  const track = trackOf(job.id, 'mix');
  void track.arrived.value;
  const written = blocks.reduce((sum, block) => sum + block.seconds, 0);
  const seconds = job.song?.duration_seconds ?? Math.max(written, track.seconds, 1);
  const pick = (/** @type {number} */ index) => {
    chosen.value = chosen.value === index ? -1 : index;
    listen(job, blocks[index].start);
  };
  return html`${hasSound(job) ? html`<${Wave} id=${job.id} names=${names} blocks=${blocks} seconds=${seconds}
    chosen=${chosen.value} onChoose=${pick} onAdd=${job.song && canContinue(job) ? () => continueSong(job) : null} />` : null}
    ${job.song ? html`<${Notices} job=${job} /><${Actions} job=${job} blocks=${blocks} hasStems=${names.length > 1} />` : null}`;
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

/** Warnings that the page shows in other words. Earlier releases wrote “by itself”. */
const Reworded = /did not end (on its own|by itself)|was cut at its limit|run_n_segments/;
/** Warnings about the sound of a section; the others are notes about the song. */
const Loud = /^section \d/;

/** The problems of a song with possible fixes, and below them the notes about it. @param {{ job: Job }} props */
function Notices({ job }) {
  const rest = (job.song?.warnings ?? []).filter((text) => !Reworded.test(text));
  const [loud, quiet] = [rest.filter((text) => Loud.test(text)), rest.filter((text) => !Loud.test(text)).map(plain)];
  return html`<${CutShort} job=${job} /><${LeftOut} job=${job} />
    ${loud.map((text) => html`<p class="notice" key=${text}>${plain(text)}</p>`)}
    ${quiet.length > 0 ? html`<details class="warnings"><summary>${count(quiet.length, 'note')} about the song</summary>
      <ul>${quiet.map((text) => html`<li key=${text}>${text}</li>`)}</ul></details>` : null}`;
}

/** Sections that were cut at their limit. @param {{ job: Job }} props */
function CutShort({ job }) {
  const sections = job.song?.sections ?? [];
  const cut = sections.filter((section) => section.ended === 'max_new_tokens' && !section.kept);
  if (cut.length === 0) {
    return null;
  }

  const request = job.request ?? {};
  const isAsked = request.target_seconds !== null && request.target_seconds !== undefined;
  const longest = Math.max(...cut.map((section) => section.seconds));
  const time = `${Number(longest.toFixed(1))} s`;
  const end = cut.includes(sections[sections.length - 1]) ? ' The end is faded out.' : '';
  const why = isAsked ? `${time} ${cut.length > 1 ? 'each were' : 'were'} requested, but there was more to sing.`
    : `${cut.length > 1 ? 'They' : 'It'} had not ended after ${time}, the limit for one section of this song.`;
  const limit = options.value?.fields.find(({ name }) => name === 'max_new_tokens')?.maximum ?? 0;
  const tokens = Math.min(2 * (request.max_new_tokens ?? 0), limit);
  const more = tokens < limit ? 'Sing it with twice the limit' : 'Sing it with the highest limit';
  const again = isAsked ? { ...request, target_seconds: undefined, max_new_tokens: undefined } : { ...request, max_new_tokens: tokens };
  return html`<div class="notice"><p><b>Cut short: ${list(cut.map(({ tag }) => tag))}.</b> ${why}${end}</p>
    ${isAsked || tokens > (request.max_new_tokens ?? Infinity) ? html`<button type="button" class="button"
      onClick=${() => singAgain(again)}>${isAsked ? 'Sing it at full length' : more}</button>` : null}</div>`;
}

/** Sections that the request left for later. @param {{ job: Job }} props */
function LeftOut({ job }) {
  const sung = job.song?.sections.length ?? 0;
  const left = cardsOf(job.request?.lyrics ?? '').slice(sung).map(({ written }) => written || 'verse');
  return sung === 0 || left.length === 0 || job.request?.instrumental ? null : html`<div class="notice">
    <p><b>Not sung: ${list(left)}.</b> The request asked for ${count(sung, 'section')}.</p>
    <button type="button" class="button"
      onClick=${() => continueSong(job)}>Continue with ${left.length > 1 ? 'them' : 'it'}</button></div>`;
}

/** Returns words as a list in a sentence. @param {string[]} words */
function list(words) {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words[words.length - 1]}`;
}

/** Returns true if the song's model can continue songs, or is unknown. @param {Job} job */
function canContinue(job) {
  const model = options.value?.models.find(({ name }) => name === job.song?.model);
  return !model || model.capabilities.includes('sing_again');
}

/** Opens the form to continue a song: its sections are kept, and a section is added unless an unsung one is left. @param {Job} job */
function continueSong(job) {
  const sung = job.song?.sections.length ?? 0;
  openRemake({ ...job.request, seed: undefined, run_n_segments: 0 },
    { how: 'continue', id: job.id, title: job.title, section: 0, sung });
  tab.value = 'write';
  focusWords(cards.value[sung].key);
}

/** Opens the words of a section in order to sing it again. @param {Job} job @param {number} index */
function editSection(job, index) {
  openRemake({ ...job.request, seed: undefined, run_n_segments: 0 },
    { how: 'replace_section', id: job.id, title: job.title, section: index + 1, sung: job.song?.sections.length ?? 0 });
  tab.value = 'write';
  focusWords(cards.value[index].key);
}

/** @param {{ job: Job, blocks: Block[], hasStems: boolean }} props */
function Actions({ job, blocks, hasStems }) {
  const index = chosen.value;
  const block = blocks[index];
  const isDraft = job.song?.stage === 'draft';
  const base = { lyrics: job.request?.lyrics, genre: job.request?.genre, output: { stems: true } };
  const again = block
    ? () => singAgain({ ...base, continue_from: job.id, replace_section: index + 1, seed: freshSeed() })
    : () => singAgain({ ...job.request, seed: freshSeed() });
  const words = () => {
    if (block) {
      editSection(job, index);
    } else {
      openRequest({ ...job.request, seed: undefined });
      tab.value = 'write';
      focusWords(cards.value[0].key);
    }
  };
  const audio = (/** @type {string} */ track, /** @type {string} */ format) => `/v1/songs/${job.id}/audio?track=${track}&format=${format}`;
  return html`<div class="acts">
    ${isDraft ? html`<button type="button" class="button strong"
      onClick=${() => singAgain({ continue_from: job.id, stage: 'finish', output: { stems: true } })}>Finish it</button>` : null}
    <button type="button" class=${`button ${isDraft ? '' : 'strong'}`}
      onClick=${again}>${block ? `Sing ${block.tag} again` : 'Sing again'}</button>
    <button type="button" class="button" onClick=${words}>Edit words</button>
    ${canContinue(job) ? html`<button type="button" class="button continue" onClick=${() => continueSong(job)}>Continue</button>` : null}
    ${hasSound(job) ? html`<${Menu} label=${html`<${Icon} name="save" />`} name="Download" items=${[
      ...(options.value?.formats ?? []).filter((format) => format.available)
        .map(({ name }) => ({ label: name.toUpperCase(), href: audio('mix', name) })),
      ...(hasStems ? [{ label: 'Vocal', hint: 'WAV', href: audio('vocal', 'wav') },
        { label: 'Band', hint: 'WAV', href: audio('instrumental', 'wav') }] : []),
    ]} />` : null}
    <${Menu} label=${html`<${Icon} name="more" />`} name="More actions" items=${songActions(job)} />
  </div>`;
}
