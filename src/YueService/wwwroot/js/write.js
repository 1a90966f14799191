// The left side: what to sing, and the button that has it sung.
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { fromJson, Problem } from './api.js';
import { check, clear, faults, fields, open, remake, request, setField, takes } from './form.js';
import { busy, found, health, options, sing } from './jobs.js';
import { Lyrics } from './lyrics.js';
import { isPlaying, open as listen } from './player.js';
import { Sound } from './slots.js';
import { count, html, Icon, Menu, roughly } from './ui.js';

const isSending = signal(false);

/** What the service said to the last request as a whole. */
const refusal = signal('');

/** Fields that have a place of their own, where their faults are shown. */
const Placed = ['lyrics', 'genre', 'seed', 'model', 'target_seconds',
  'sampling.temperature', 'sampling.top_p', 'sampling.guidance_scale', 'title'];

/** @param {import('./types').Job} job Listens to a song from its first sound on, unless another one plays. */
function listenTo(job) {
  if (!isPlaying.value) {
    listen(job.id, { play: true });
  }
}

/**
 * Asks for a song; what is wrong with it is shown where it is.
 * @param {object} body
 */
export async function submit(body) {
  isSending.value = true;
  refusal.value = '';
  faults.value = {};
  try {
    const job = await sing(body);
    remake.value = null;
    listenTo(job);
  } catch (error) {
    if (error instanceof Problem) {
      faults.value = error.errors;
      const others = Object.entries(error.errors).filter(([field]) => !Placed.includes(field)).flatMap(([, messages]) => messages);
      refusal.value = error.status === 429 ? `${error.title}. ${error.message}`
        : Object.keys(error.errors).length === 0 ? error.message
        : others.join(' ') || 'Something above needs another value.';
      requestAnimationFrame(() => /** @type {HTMLElement | null} */ (document.querySelector('.write [aria-invalid=true]'))?.focus());
    } else {
      refusal.value = 'The service does not answer. Is it running?';
    }
  }

  isSending.value = false;
}

export function Write() {
  return html`<section class="write panel" id="write" aria-label="Write">
    <form onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); submit(request()); }}>
      <div class="scroll">
        <${RemakeBanner} />
        <${Sound} />
        <${Lyrics} />
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
    ? html`Going on from <b>${from.title}</b>: write what comes next.`
    : html`Singing section ${from.section} of <b>${from.title}</b> again: change its words.`}</span>
    <button type="button" class="quiet" onClick=${clear}>Stop</button></div>` : null;
}

/**
 * The parts of the page that show a clip; read when there is one.
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

function Choices() {
  const stage = fields.value.stage ?? 'full';
  const stages = [['draft', 'Draft', 'Quick and rough'], ['full', 'Full', 'The whole sound']];
  return html`<div class="choices">
    <div class="seg" role="group" aria-label="Songs at once">${[1, 2, 3, 4].map((number) => html`<button type="button" key=${number}
      aria-pressed=${takes.value === number} aria-label=${count(number, 'take')} title=${count(number, 'take')}
        disabled=${remake.value !== null}
      onClick=${() => { takes.value = number; }}>${number}</button>`)}</div>
    <div class="seg" role="group" aria-label="Quality">${stages.map(([value, label, title]) => html`<button type="button" key=${value}
      aria-pressed=${stage === value} title=${title}
        onClick=${() => setField('stage', value === 'full' ? null : value)}>${label}</button>`)}</div>
    <button type="button" class="add style-clip" disabled=${remake.value !== null} title="A clip whose style the song follows"
      onClick=${async () => (await readClips()).choose()}>+ Style clip</button>
    <${Menu} label=${html`<${Icon} name="more" />`} name="More about the request" kind="quiet" items=${[
      { label: 'New lyrics', hint: 'empties the form', run: clear },
      { label: 'Open a request', hint: 'JSON', run: openFile },
    ]} />
  </div>`;
}

/** Asks for a file of JSON and reads it into the form. */
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

function More() {
  const models = options.value?.models ?? [];
  return html`<details class="more"><summary>Settings</summary>
    <div class="fields">
      <${Field} name="seed" label="Seed" placeholder="new each time" kind="integer" />
      <${Field} name="target_seconds" label="Seconds per section" placeholder="as it comes" kind="number" />
      <${Field} name="title" label="Title" placeholder="first line" kind="text" />
      ${models.length > 1 ? html`<label class="field">Model<select value=${fields.value.model ?? ''}
        onChange=${(/** @type {any} */ event) => setField('model', event.target.value)}>
        <option value="">${models[0].name}</option>${models.slice(1).map((model) => html`<option
          key=${model.name}>${model.name}</option>`)}</select></label>` : null}
      <${Field} name="sampling.temperature" label="Temperature" placeholder="1" kind="number" />
      <${Field} name="sampling.top_p" label="Top p" placeholder="0.93" kind="number" />
      <${Field} name="sampling.guidance_scale" label="Guidance" placeholder="1.5, then 1.2" kind="number" />
    </div></details>`;
}

/** @param {{ name: string, label: string, placeholder: string, kind: 'text' | 'number' | 'integer' }} props */
function Field({ name, label, placeholder, kind }) {
  const errors = faults.value[name];
  const value = fields.value[name];
  const change = (/** @type {any} */ event) => {
    const text = event.target.value.trim();
    const number = Number(text);
    // What is no number is sent as it is: the service says what it takes.
    setField(name, kind === 'text' || text === '' || Number.isNaN(number) || (kind === 'integer' && !Number.isSafeInteger(number))
      ? text : number);
  };
  return html`<label class=${`field ${name === 'title' ? 'wide' : ''}`}>${label}
    <input name=${name} value=${value ?? ''} placeholder=${placeholder} inputmode=${kind === 'text' ? 'text' : 'decimal'} autocomplete="off"
      aria-invalid=${errors ? 'true' : undefined} aria-describedby=${errors ? `${name}-fault` : undefined} onChange=${change} />
    ${errors ? html`<span class="fault" id=${`${name}-fault`}>${errors.join(' ')}</span>` : null}</label>`;
}

function SingBar() {
  const { running, depth } = busy.value;
  const isFirst = found.value?.length === 0;
  const isReady = health.value === null || health.value.state === 'ready';
  const { seed } = fields.value;
  const wait = check.value?.estimated_wait_seconds;
  const hint = health.value?.state === 'failed' ? `The models could not be loaded: ${health.value.reason}`
    : !isReady ? `Loading the models${health.value?.percent ? `, ${Math.round(health.value.percent)} %` : ''} …`
    : running + depth > 0 ? `after ${count(running + depth, 'song')}${wait ? `, in about ${roughly(wait)}` : ''}`
    : wait ? html`sound in seconds,<br />the whole song in ${roughly(wait)}` : 'sound within seconds';
  return html`<div class="sing">
    ${refusal.value ? html`<p class="fault" role="alert">${refusal.value}</p>` : null}
    ${seed !== undefined && !remake.value ? html`<p class="seed">Seed ${seed}: the same words give the same song.
      <button type="button" class="link" onClick=${() => setField('seed', null)}>Use new seeds</button></p>` : null}
    <button type="submit" class="primary" disabled=${isSending.value}>
      ${isFirst ? 'Sing this song' : remake.value ? 'Sing on' : 'Sing'}</button>
    <span class="hint">${hint}</span>
  </div>`;
}
