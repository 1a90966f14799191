// The reference clip, a sound file. The song follows the style of the selected part of the clip.
import { effect, signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Problem, send } from './api.js';
import { faultsOf, fields, model, setField } from './form.js';
import { options } from './jobs.js';
import { clock, html, Icon, showToast, spoken, store, stored } from './ui.js';

/** @typedef {{ id: string, name: string, seconds: number, sound: AudioBuffer | null }} Clip */

/** @type {import('@preact/signals').Signal<Clip | null>} */
export const clip = signal(null);

const isSending = signal(false);
const isPlaying = signal(false);

/** The fields of a clip. */
const Parts = ['clip', 'start_seconds', 'end_seconds', 'separate'];
const MinSeconds = 1;
const MaxSeconds = 60;
const DefaultSeconds = 30;
const Bars = 120;

/** @type {AudioContext | null} */
let context = null;
/** @type {AudioBufferSourceNode | null} */
let playing = null;

const kept = stored('clip');
if (kept) {
  const { id, name, seconds } = JSON.parse(kept);
  if (fields.value['reference.clip'] === id) {
    clip.value = { id, name, seconds, sound: null };
  }
}

effect(() => {
  if (clip.value && fields.value['reference.clip'] !== clip.value.id) {
    // Another request was opened, or the clip was removed.
    stop();
    clip.value = null;
  }
});

/** Lets the user choose a file, and uploads it to the service. */
export function choose() {
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = 'audio/*,.wav,.aiff,.mp3,.ogg,.opus,.flac,.m4a';
  input.onchange = () => input.files?.[0] && take(input.files[0]);
  input.click();
}

/** Sends a file to the service and shows it. @param {File} file */
export async function take(file) {
  isSending.value = true;
  try {
    const { id, seconds } = await send('POST', '/v1/clips', { body: file,
      headers: { 'Content-Type': file.type.startsWith('audio/') ? file.type : 'application/octet-stream' } });
    stop();
    setField('reference.clip', id);
    setField('reference.start_seconds', 0);
    setField('reference.end_seconds', Math.min(seconds, DefaultSeconds));
    clip.value = { id, name: file.name, seconds, sound: await decode(file) };
    store('clip', JSON.stringify({ id, name: file.name, seconds }));
  } catch (error) {
    showToast({ text: error instanceof Problem
      ? Object.values(error.errors).flat().join(' ') || error.message : 'The clip could not be sent.' });
  }

  isSending.value = false;
}

/** Returns a file's sound; null if this browser cannot decode it, even if the service can. @param {File} file */
async function decode(file) {
  try {
    context ??= new AudioContext();
    return await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    return null;
  }
}

function drop() {
  stop();
  Parts.forEach((name) => setField(`reference.${name}`, null));
}

/** Stops the clip. */
function stop() {
  playing?.stop();
  playing = null;
  isPlaying.value = false;
}

/** Plays the selected part, or stops it. @param {AudioBuffer} sound */
function listen(sound) {
  if (isPlaying.value || !context) {
    stop();
    return;
  }

  const source = context.createBufferSource();
  source.buffer = sound;
  source.connect(context.destination);
  source.onended = () => { if (playing === source) { stop(); } };
  context.resume();
  source.start(0, start(), end() - start());
  playing = source;
  isPlaying.value = true;
}

function start() {
  return Number(fields.value['reference.start_seconds'] ?? 0);
}

function end() {
  return Number(fields.value['reference.end_seconds'] ?? Math.min(clip.value?.seconds ?? DefaultSeconds, start() + DefaultSeconds));
}

/** Moves an edge; the part stays 1 to 60 s long. @param {'start' | 'end'} edge @param {number} to */
function trim(edge, to) {
  const whole = clip.value?.seconds ?? 0;
  const at = Math.round(Math.min(Math.max(to, 0), whole) * 10) / 10;
  const from = edge === 'start' ? Math.min(at, Math.max(0, whole - MinSeconds))
    : Math.min(Math.max(start(), at - MaxSeconds), Math.max(0, at - MinSeconds));
  const until = edge === 'end' ? Math.max(at, MinSeconds) : Math.max(Math.min(end(), from + MaxSeconds), from + MinSeconds);
  stop();
  setField('reference.start_seconds', Math.round(from * 10) / 10);
  setField('reference.end_seconds', Math.round(until * 10) / 10);
}

export function ClipCard() {
  const shown = clip.value;
  if (!shown) {
    return isSending.value ? html`<p class="hint">Reading the clip …</p>` : null;
  }

  const errors = ['reference', ...Parts.map((name) => `reference.${name}`)].flatMap(faultsOf);
  const follows = model.value?.capabilities.includes('reference_clip') ?? true;
  return html`<section class="card clip" aria-label="Style clip">
    <header><b>${shown.name}</b><span class="length">${clock(start())} – ${clock(end())}</span>
      ${shown.sound ? html`<button type="button" class="quiet" aria-label=${isPlaying.value ? 'Stop the clip' : 'Play the clip'}
        onClick=${() => shown.sound && listen(shown.sound)}><${Icon} name=${isPlaying.value ? 'pause' : 'play'} /></button>` : null}
      <button type="button" class="quiet" aria-label="Remove the clip" onClick=${drop}><${Icon} name="close" /></button></header>
    <${Trim} shown=${shown} />
    ${options.value?.separator_available ? html`<label class="check"><input type="checkbox"
      checked=${fields.value['reference.separate'] === true}
      onChange=${(/** @type {any} */ event) => setField('reference.separate', event.target.checked || null)} />
        Split into voice and band first</label>` : null}
    ${follows ? null : html`<p class="finding">This model is made for lyrics only: it accepts a clip,
      but hardly follows it. Models whose names end in icl follow it.</p>`}
    ${errors.length > 0 ? html`<p class="fault">${errors.join(' ')}</p>` : null}
  </section>`;
}

/** @param {{ shown: Clip }} props */
function Trim({ shown }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const [from, until] = [start(), end()];
  useEffect(() => { canvas.current && paint(canvas.current, shown, from, until); });
  const share = (/** @type {number} */ time) => `${time / shown.seconds * 100}%`;
  return html`<div class="trim"><canvas ref=${canvas} aria-hidden="true"></canvas>
    <div class="part" style=${{ left: share(from), width: share(until - from) }}></div>
    <${Handle} edge="start" at=${from} seconds=${shown.seconds} /><${Handle} edge="end" at=${until} seconds=${shown.seconds} /></div>`;
}

/** @param {{ edge: 'start' | 'end', at: number, seconds: number }} props */
function Handle({ edge, at, seconds }) {
  const keys = (/** @type {KeyboardEvent} */ event) => {
    /** @type {Record<string, number>} */
    const moves = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1,
      PageDown: at - 10, PageUp: at + 10, Home: 0, End: seconds };
    if (event.key in moves) {
      event.preventDefault();
      trim(edge, moves[event.key]);
    }
  };
  const drag = (/** @type {PointerEvent} */ event) => {
    const handle = /** @type {HTMLElement} */ (event.currentTarget);
    const box = handle.parentElement?.getBoundingClientRect();
    if (event.type === 'pointerdown') {
      handle.setPointerCapture(event.pointerId);
    } else if (event.buttons === 1 && box) {
      trim(edge, (event.clientX - box.left) / box.width * seconds);
    }
  };
  return html`<div class="handle" role="slider" tabindex="0" style=${{ left: `${at / seconds * 100}%` }}
    aria-label=${edge === 'start' ? 'Start of the clip' : 'End of the clip'}
    aria-valuemin="0" aria-valuemax=${Math.round(seconds)} aria-valuenow=${Math.round(at)} aria-valuetext=${spoken(at)} onKeyDown=${keys}
      onPointerDown=${drag} onPointerMove=${drag}></div>`;
}

/** @param {HTMLCanvasElement} canvas @param {Clip} shown @param {number} from @param {number} until */
function paint(canvas, shown, from, until) {
  const dots = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * dots;
  canvas.height = height * dots;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  pen.scale(dots, dots);
  pen.fillStyle = getComputedStyle(canvas).color;
  const samples = shown.sound?.getChannelData(0) ?? new Float32Array(0);
  for (let bar = 0; bar < Bars; bar++) {
    let peak = 0.04;
    // Every tenth sample is enough for a drawing.
    for (let at = Math.floor(bar / Bars * samples.length); at < (bar + 1) / Bars * samples.length; at += 10) {
      peak = Math.max(peak, Math.abs(samples[at]));
    }

    const time = bar / Bars * shown.seconds;
    pen.globalAlpha = time >= from && time < until ? 1 : 0.35;
    pen.fillRect(bar / Bars * width, height / 2 * (1 - peak), Math.max(1, width / Bars - 1), Math.max(1, height * peak));
  }
}
