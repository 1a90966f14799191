// The left side: the form for a song, and the button that sings it.
import { effect, signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { fromJson, Problem, reachable } from './api.js';
import { content, endRemake, open, sung } from './drafts.js';
import { cardWithoutWords, cards, faultsOf, fields, isSupported, model, refuse, remake, request, setField, takes } from './form.js';
import { busy, found, hasSound, health, options, optionsKnown, sing } from './jobs.js';
import { check, focusWords, needsWords, Lyrics, plain, remarksOn } from './lyrics.js';
import { isPlaying, open as listen } from './player.js';
import { Sound } from './slots.js';
import { count, html, Icon, roughly, short, showToast } from './ui.js';

const isSending = signal(false);

/** The service's message about the last request as a whole. */
const refusal = signal('');

/** The timer that removes that message. */
let retry = 0;

/** The settings whose values are validated: those that were sent or whose control the user has left, but not one that is being typed. */
const judged = signal(/** @type {string[]} */ ([]));

const Silence = 'The service is not responding. Your words are safe; try again when it is back.';

/** The settings that have their own control. */
const Settings = /** @type {const} */ ([
  { name: 'seed', label: 'Seed', placeholder: 'new each time' },
  { name: 'target_seconds', label: 'Seconds per section', placeholder: 'automatic' },
  { name: 'sampling.temperature', label: 'Temperature', placeholder: '1' },
  { name: 'sampling.top_p', label: 'Top p', placeholder: '0.93' },
  { name: 'sampling.guidance_scale', label: 'Guidance', placeholder: '1.5, then 1.2' },
]);

/** The fields that have their own control with every model. */
const Placed = ['lyrics', 'genre', 'title', 'model', 'stage', ...Settings.map(({ name }) => name)];

/** The results that a request can ask for. */
const Stages = [
  ['draft', 'Draft', 'Quick and rough'],
  ['score', 'Score', 'Only the score, without sound'],
  ['full', 'Full', 'The whole sound'],
];

/** Plays a song as soon as its sound arrives, unless it has no sound or another song is playing. @param {import('./types').Job} job */
function listenTo(job) {
  if (!isPlaying.value && hasSound(job)) {
    listen(job.id, { play: true });
  }
}

/** Requests the song. If something is missing or invalid, the error is shown next to its field, and nothing is sent. */
async function singForm() {
  const card = cardWithoutWords.value;
  if (card) {
    needsWords.value = true;
    focusWords(card.key);
    return;
  }

  isSending.value = true;
  await optionsKnown();
  judged.value = Settings.map(({ name }) => name);
  if (focusFault()) {
    isSending.value = false;
    return;
  }

  refuseWith('', 0);
  const sent = content();
  try {
    const job = await sing(request());
    sung(sent);
    listenTo(job);
  } catch (error) {
    const errors = error instanceof Problem ? error.errors : {};
    refuse(errors);
    const shown = [...placed(), ...others().map(([name]) => name)];
    refuseWith(wordsFor(error) || Object.entries(errors)
      .filter(([name]) => !shown.includes(name) && !name.startsWith('reference')).flatMap(([, messages]) => messages).map(plain).join(' '),
      error instanceof Problem ? error.retryAfter : 0);
    focusFault();
  }

  isSending.value = false;
}

/** Shows the service's message until the time at which the request can be sent again.
 * @param {string} text
 * @param {number} seconds The number of seconds until then; 0 keeps the message.
 */
function refuseWith(text, seconds) {
  clearTimeout(retry);
  refusal.value = text;
  if (seconds > 0) {
    retry = window.setTimeout(() => { refusal.value = refusal.value === text ? '' : refusal.value; }, seconds * 1000);
  }
}

/** Sings a song of the library again, as a whole or in part. The form on the left does not change.
 * @param {object} body
 */
export async function singAgain(body) {
  try {
    listenTo(await sing(body));
  } catch (error) {
    showToast({ text: error instanceof Problem && Object.keys(error.errors).length > 0
      ? Object.values(error.errors).flat().map(plain).join(' ') : wordsFor(error) });
  }
}

/** Returns the message about a rejected request; empty if the messages are shown next to its fields. @param {unknown} error */
function wordsFor(error) {
  if (!(error instanceof Problem)) {
    return Silence;
  }

  return error.status === 401 ? 'Sign in, then try again.'
    : error.status === 429 ? `${error.title}. ${plain(error.message)}`
    : Object.keys(error.errors).length > 0 ? '' : error.message;
}

// The message about the missing response disappears when the service is back.
effect(() => {
  if (reachable.value && refusal.peek() === Silence) {
    refusal.value = '';
  }
});

/** Moves the focus to the first invalid value. Returns true if a setting is invalid. */
function focusFault() {
  const faulty = Settings.find(({ name }) => faultOf(name) !== '')?.name;
  const box = /** @type {HTMLDetailsElement | null} */ (document.querySelector('details.more'));
  if (box && (faulty || others().some(([name]) => faultsOf(name).length > 0))) {
    box.open = true;
  }

  requestAnimationFrame(() => /** @type {HTMLElement | null} */ (document.querySelector('.write [aria-invalid=true]'))?.focus());
  return faulty !== undefined;
}

/** Sings the song on Ctrl+Enter, even while the user is typing words. @param {KeyboardEvent} event */
function keys(event) {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    /** @type {HTMLFormElement} */ (event.currentTarget).requestSubmit();
  }
}

export function Write() {
  return html`<section class="write panel" id="write" aria-label="Write">
    <form onKeyDown=${keys} onSubmit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      if (!isSending.value) {
        singForm();
      }
    }}>
      <div class="scroll">
        <${RemakeBanner} />
        <${Sound} />
        <${Lyrics} />
        <${Score} />
        <${Choices} />
        <${StyleClip} />
        <${More} />
      </div>
      <${SingBar} />
    </form>
  </section>`;
}

function RemakeBanner() {
  const from = remake.value;
  return from ? html`<div class="banner"><span>${from.how === 'continue'
    ? html`Write what comes next in <b>${short(from.title)}</b>.`
    : html`Change the words of the ${tagOf(from)} in <b>${short(from.title)}</b>; the rest is kept.`}</span>
    <button type="button" class="quiet" onClick=${endRemake}>Stop</button></div>` : null;
}

/** Returns the name of the section that is sung again. @param {import('./form.js').Remake} from */
function tagOf(from) {
  return cards.value[from.section - 1]?.written || 'verse';
}

/** The parts of the page that show a clip; loaded when there is one.
 * @type {import('@preact/signals').Signal<typeof import('./clip.js') | null>}
 */
const clips = signal(null);

async function readClips() {
  clips.value ??= await import('./clip.js');
  return clips.value;
}

function StyleClip() {
  const isNamed = 'reference.clip' in fields.value;
  useEffect(() => {
    if (isNamed) {
      readClips();
    }
  }, [isNamed]);
  return clips.value ? html`<${clips.value.ClipCard} />` : null;
}

/** The parts of the page that show a score; loaded when there is one, or when the chosen model writes scores.
 * @type {import('@preact/signals').Signal<typeof import('./score.js') | null>}
 */
export const scores = signal(null);

export async function readScores() {
  try {
    scores.value ??= await import('./score.js');
  } catch {
    // Loading is attempted again with the next score.
  }
}

function Score() {
  const isWritten = model.value?.capabilities.includes('score') ?? false;
  useEffect(() => {
    if (isWritten) {
      readScores();
    }
  }, [isWritten]);
  return isWritten && scores.value ? html`<${scores.value.ScoreCard} />` : null;
}

function Choices() {
  const stage = fields.value.stage ?? 'full';
  const known = model.value?.stages ?? ['draft', 'full'];
  const stages = Stages.filter(([value]) => known.includes(value));
  return html`<div class="choices">
    <div class="choice"><span id="takes-label">Takes</span>
      <div class="seg" role="group" aria-labelledby="takes-label">${[1, 2, 3, 4].map((number) => html`<button type="button" key=${number}
        aria-pressed=${takes.value === number} aria-label=${count(number, 'take')}
        title=${number === 1 ? 'One song' : `${number} songs with the same words, to choose from`} disabled=${remake.value !== null}
        onClick=${() => { takes.value = number; }}>${number}</button>`)}</div></div>
    <div class="choice"><span id="quality-label">${known.includes('draft') ? 'Quality' : 'Result'}</span>
      <div class="seg" role="group" aria-labelledby="quality-label">${stages.map(([value, label, title]) => html`<button type="button"
        key=${value} aria-pressed=${stage === value} title=${title}
        onClick=${() => setField('stage', value === 'full' ? null : value)}>${label}</button>`)}</div></div>
    ${isSupported('reference.clip') ? html`<button type="button" class="add style-clip" disabled=${remake.value !== null}
      title="A clip whose style the song follows" onClick=${async () => (await readClips()).choose()}>+ Style clip</button>` : null}
  </div>`;
}

/** Lets the user choose a JSON file and loads it into the form. */
function openFile() {
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = '.json,application/json';
  input.onchange = async () => {
    try {
      const body = fromJson(await /** @type {FileList} */ (input.files)[0].text());
      open(body.request ?? body);
      refusal.value = '';
    } catch {
      refusal.value = 'The file is not a request in JSON.';
    }
  };
  input.click();
}

/** Shows the license of the model that will sing. Nothing is shown for the demo model, which has the program's license. */
function Licence() {
  const licence = model.value?.licence;
  return licence && health.value?.demo === false ? html`<p class="licence">License of the model: <a href=${licence.link}
    target="_blank" rel="noopener">${licence.name}</a>. ${licence.notice}</p>` : null;
}

function More() {
  const models = options.value?.models ?? [];
  const rest = others();
  return html`<details class="more"><summary>Settings</summary>
    <div class="fields">
      ${Settings.slice(0, 2).map((setting) => html`<${Field} key=${setting.name} ...${setting} />`)}
      ${models.length > 1 ? html`<label class="field wide">Model<select value=${fields.value.model ?? ''}
        aria-invalid=${faultsOf('model').length > 0 ? 'true' : undefined}
        onChange=${(/** @type {any} */ event) => setField('model', event.target.value)}>
        <option value="">${models[0].name}</option>${models.slice(1).map((model) => html`<option
          key=${model.name}>${model.name}</option>`)}</select>
        ${faultsOf('model').map((text) => html`<span class="fault" key=${text}>${text}</span>`)}</label>` : null}
      <${Licence} />
      ${Settings.slice(2).map((setting) => html`<${Field} key=${setting.name} ...${setting} />`)}
    </div>
    ${rest.length > 0 ? html`<div class="others"><p>Also set by the request that was opened</p>
      <ul>${rest.map(([name, value]) => html`<${Other} key=${name} name=${name} value=${value} />`)}</ul></div>` : null}
    <button type="button" class="add small" onClick=${openFile}>Open a request (JSON)</button></details>`;
}

/** Returns the names of the fields whose errors are shown next to their own control. */
function placed() {
  return model.value?.capabilities.includes('score') ? [...Placed, 'score', 'plan'] : Placed;
}

/** Returns the fields of an opened request that have no control. @returns {[string, any][]} */
function others() {
  return Object.entries(fields.value).filter(([name, value]) => !placed().includes(name) && name !== 'run_n_segments'
    && !name.startsWith('reference.') && name !== 'output.stems' && value !== boundsOf(name)?.default);
}

/** @param {{ name: string, value: any }} props */
function Other({ name, value }) {
  const faults = faultsOf(name).map((text) => advice(text, 'remove it'));
  return html`<li><code>${name}</code> ${short(String(value), 30)}
    <button type="button" class="quiet" aria-label=${`Remove ${name}`} title="Remove" aria-invalid=${faults.length > 0 ? 'true' : undefined}
      onClick=${() => setField(name, null)}><${Icon} name="close" /></button>
    ${faults.map((text) => html`<span class="fault" key=${text}>${text}</span>`)}</li>`;
}

/** Returns the service's description of a field's values. @param {string} name */
function boundsOf(name) {
  return options.value?.fields.find((field) => field.name === name);
}

/** Returns what is wrong with a setting, in plain words; empty if it is valid. @param {string} name */
function faultOf(name) {
  const value = fields.value[name];
  const bounds = boundsOf(name);
  const messages = faultsOf(name).map((text) => advice(text, 'leave it empty')).join(' ');
  if (value === undefined || !bounds || !judged.value.includes(name)) {
    return messages;
  }

  const isWhole = bounds.type === 'integer';
  const [min, max] = [bounds.minimum ?? -Infinity, bounds.maximum ?? Infinity];
  const isFine = (/** @type {any} */ part) => (typeof part === 'number'
    ? part >= min && part <= max && (!isWhole || Number.isInteger(part))
    : isWhole && /^-?\d{1,18}$/.test(part));
  if ([value].flat().every(isFine)) {
    return messages;
  }

  return `Use a ${isWhole ? 'whole number' : 'number'}${Number.isFinite(max) ? ` from ${min} to ${max}` : ''}, or leave it empty.`;
}

/** Returns the fix for a value, without the field's API name. @param {string} message @param {string} out */
function advice(message, out) {
  return plain(message.replace(/^.*?; send /, 'Use ').replace(/, or leave it out.*$/, `, or ${out}.`));
}

/** Returns the value of typed text: a number, several numbers, or the text itself. @param {string} text */
function valueOf(text) {
  const parts = text.split(',').map((part) => part.trim());
  const numbers = parts.map(Number);
  // A seed may be too large for JavaScript's numbers, so it stays text.
  const areNumbers = parts.every((part, index) => part !== '' && !Number.isNaN(numbers[index])
    && (Number.isSafeInteger(numbers[index]) || !Number.isInteger(numbers[index])));
  return !areNumbers ? text.trim() : numbers.length > 1 ? numbers : numbers[0];
}

/** @param {{ name: string, label: string, placeholder: string }} props */
function Field({ name, label, placeholder }) {
  const fault = faultOf(name);
  const value = fields.value[name];
  const typed = useRef('');
  const type = (/** @type {string} */ text) => {
    typed.current = text;
    judged.value = judged.value.filter((other) => other !== name);
    setField(name, valueOf(text));
  };
  const judge = () => { judged.value = [...new Set([...judged.value, name])]; };
  return html`<label class="field">${label}
    <input name=${name} placeholder=${placeholder} inputmode="decimal" autocomplete="off"
      value=${JSON.stringify(valueOf(typed.current)) === JSON.stringify(value ?? '') ? typed.current : String(value ?? '')}
      aria-invalid=${fault ? 'true' : undefined} aria-describedby=${fault ? `${name}-fault` : undefined} onBlur=${judge}
      onInput=${(/** @type {any} */ event) => type(event.target.value)} />
    ${fault ? html`<span class="fault" id=${`${name}-fault`}>${fault}</span>` : null}</label>`;
}

function SingBar() {
  const { seed } = fields.value;
  const remarks = ['$', 'model', 'continue_from', 'replace_section'].flatMap(remarksOn);
  const reported = Object.entries(check.value?.errors ?? {}).filter(([name]) => name === 'continue_from').flatMap(([, found]) => found);
  const faults = [refusal.value, ...reported.map(plain)].filter(Boolean);
  return html`<div class="sing">
    ${faults.length > 0 ? html`<p class="fault" role="alert">${faults.join(' ')}</p>` : null}
    ${remarks.map((text) => html`<p class="seed" key=${text}>${text}</p>`)}
    ${seed !== undefined && !remake.value && faultOf('seed') === '' ? html`<p class="seed">
      Seed ${short(String(seed), 24)}: the same words give the same song. <button type="button" class="link"
        onClick=${() => setField('seed', null)}>Use new seeds</button></p>` : null}
    <button type="submit" class="primary" aria-disabled=${isSending.value ? 'true' : undefined}>${singWords()}</button>
    <span class="hint">${hint()}</span>
  </div>`;
}

/** Returns the label of the button. */
function singWords() {
  const from = remake.value;
  if (isSending.value) {
    return 'Sending …';
  }

  return from?.how === 'continue' ? `Sing the new section${cards.value.length - from.sung > 1 ? 's' : ''}`
    : from ? `Sing the new ${short(tagOf(from), 16)}` : takes.value > 1 ? `Sing ${takes.value} takes`
    : found.value?.length === 0 ? 'Sing this song' : 'Sing';
}

/** Returns a hint about when the song can be heard. */
function hint() {
  const { running, depth } = busy.value;
  const state = health.value?.state ?? 'ready';
  const wait = check.value?.estimated_wait_seconds;
  return !reachable.value ? 'Waiting for the service …'
    : state === 'failed' ? `The models could not be loaded: ${health.value?.reason}`
    : state === 'draining' ? 'The service is being stopped.'
    : state !== 'ready' ? `Loading the models${health.value?.percent ? `, ${Math.round(health.value.percent)} %` : ''} …`
    : running + depth > 0 ? `Would wait for ${count(running + depth, 'song')}${wait ? `, done in about ${roughly(wait)}` : ''}`
    : wait ? `Sound within seconds, done in about ${roughly(wait)}` : 'Sound within seconds';
}
