// The waveform: sections above, a lane for each track, and a ruler below. The lanes together form a time slider.
import { effect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { lanes, open, playingId, position, seek } from './player.js';
import { trackOf } from './sound.js';
import { clock, html, spoken, theme } from './ui.js';

/** @typedef {import('./song.js').Block} Block */

const Names = { mix: 'Song', vocal: 'Vocal', instrumental: 'Band' };
const Bar = 3;

/**
 * @param {{ id: string, names: ('mix' | 'vocal' | 'instrumental')[], blocks: Block[], seconds: number, chosen: number,
 *   onChoose: (index: number) => void, onAdd: (() => void) | null }} props
 */
export function Wave({ id, names, blocks, seconds, chosen, onChoose, onAdd }) {
  return html`<div class=${`lanes ${onAdd ? 'can-add' : ''}`}>
    <div class="blocks">${blocks.map((block, index) => html`<button type="button" key=${index} class=${`block ${block.state}`}
      disabled=${block.state === 'todo' || block.state === 'kept'}
      aria-pressed=${chosen === index}
        style=${{ flexGrow: Math.max(block.seconds, seconds / 20), '--done': `${doneShare(id, block) * 100}%` }}
      title=${blockTitle(block, onAdd !== null)}
        onClick=${() => onChoose(index)}>${isNext(blocks, index) ? `${block.tag} …` : block.tag}</button>`)}
      ${onAdd ? html`<button type="button" class="block plus" aria-label="Continue the song" title="Continue the song"
        onClick=${onAdd}>+</button>` : null}</div>
    <${Slider} id=${id} seconds=${seconds}>
      ${names.map((name) => html`<${Lane} key=${name} id=${id} name=${name} names=${names} seconds=${seconds} />`)}
    <//>
    <div class="ruler" aria-hidden="true">${marks(seconds).map((mark) => html`<span key=${mark}
      style=${{ left: `${mark / seconds * 100}%` }}>${clock(mark)}</span>`)}</div>
    ${names.length > 1 ? html`<p class="note">Stems; the mix itself sounds a little different.</p>` : null}
  </div>`;
}

/** @param {Block} block @param {boolean} canSing True if the section can be sung again. */
function blockTitle(block, canSing) {
  return `${block.tag}, ${spoken(block.seconds)}${block.state === 'kept' ? ', kept' : ''}${canSing
    ? '. Select it to sing it again or to edit its words.' : ''}`;
}

/** Returns whether a section is the next one to be written. @param {Block[]} blocks @param {number} index */
function isNext(blocks, index) {
  return blocks[index].state === 'todo' && blocks[index - 1]?.state !== 'todo';
}

/** Returns the fraction of a section that has arrived, 0 to 1. @param {string} id @param {Block} block */
function doneShare(id, block) {
  const track = trackOf(id, 'mix');
  void track.arrived.value;
  return block.state === 'done' ? 1 : Math.min(1, Math.max(0, (track.seconds - block.start) / Math.max(block.seconds, 0.1)));
}

/** Returns the times of the ruler's labels. On a phone, a label needs up to 9 % of the width. @param {number} seconds */
function marks(seconds) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300];
  const step = steps.find((size) => seconds / size <= 6) ?? 600;
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step).filter((mark) => mark / seconds < 0.91);
}

/** @param {{ id: string, seconds: number, children: any }} props */
function Slider({ id, seconds, children }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const isHere = playingId.value === id;
  const at = isHere ? position.value : 0;
  const go = (/** @type {number} */ time) => {
    if (playingId.value !== id) {
      open(id);
    }

    seek(time);
  };
  const point = (/** @type {PointerEvent} */ event) => {
    const area = box.current?.querySelector('canvas')?.getBoundingClientRect();
    if (area && event.buttons === 1 && event.clientX >= area.left - 8) {
      go((event.clientX - area.left) / area.width * seconds);
    }
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    /** @type {Record<string, number>} */
    const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowDown: at - 1, ArrowUp: at + 1,
      PageDown: at - 10, PageUp: at + 10, Home: 0, End: seconds };
    if (event.target === box.current && event.key in moves && !event.altKey) {
      event.preventDefault();
      go(moves[event.key]);
    }
  };
  return html`<div class="slider-box" onPointerDown=${point} onPointerMove=${point}>
    <div class="time-slider" ref=${box} role="slider" tabindex="0" aria-label="Position in the song" aria-valuemin="0"
      aria-valuemax=${Math.round(seconds)} aria-valuenow=${Math.round(at)}
      aria-valuetext=${`${spoken(at)} of ${spoken(seconds)}`} onKeyDown=${keys}></div>
    ${children}
  </div>`;
}

/** @param {{ id: string, name: 'mix' | 'vocal' | 'instrumental', names: string[], seconds: number }} props */
function Lane({ id, name, names, seconds }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const length = useRef(seconds);
  length.current = seconds;
  useEffect(() => {
    let frame = 0;
    const track = trackOf(id, name);
    const draw = () => { frame ||= requestAnimationFrame(() => {
      frame = 0; canvas.current && paint(canvas.current, track, loudest(id, names), length.current); }); };
    const stop = effect(() => {
      void track.arrived.value;
      void theme.value;
      void position.value;
      void playingId.value;
      draw();
    });
    const size = new ResizeObserver(draw);
    size.observe(/** @type {Element} */ (canvas.current));
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', draw);
    return () => {
      stop();
      size.disconnect();
      scheme.removeEventListener('change', draw);
      cancelAnimationFrame(frame);
    };
  }, [id, name, seconds]);
  return html`<div class=${`lane ${name}`}>
    <div class="who"><b>${Names[name]}</b>${name === 'mix' ? null : html`<${Mixer} name=${name} />`}</div>
    <canvas ref=${canvas} aria-hidden="true"></canvas>
  </div>`;
}

/** @param {{ name: 'vocal' | 'instrumental' }} props */
function Mixer({ name }) {
  const lane = lanes[name];
  const { mute, solo, level } = lane.value;
  const set = (/** @type {object} */ change) => { lane.value = { ...lane.value, ...change }; };
  return html`<div class="mixer">
    <button type="button" aria-pressed=${mute} aria-label=${`Mute ${Names[name]}`} title="Mute"
      onClick=${() => set({ mute: !mute })}>M</button>
    <button type="button" aria-pressed=${solo} aria-label=${`Solo ${Names[name]}`} title="Solo"
      onClick=${() => set({ solo: !solo })}>S</button>
    <input type="range" min="0" max="1.5" step="0.05" value=${level} aria-label=${`Level of ${Names[name]}`} title="Level"
      onInput=${(/** @type {any} */ event) => set({ level: Number(event.target.value) })} />
  </div>`;
}

/** Returns the highest peak of all lanes, which is scaled to a lane's height. @param {string} id @param {string[]} names */
function loudest(id, names) {
  return Math.max(0.1, ...names.map((name) => trackOf(id, name).highest));
}

/** @param {HTMLCanvasElement} canvas @param {import('./sound.js').Track} track @param {number} full @param {number} seconds */
function paint(canvas, track, full, seconds) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const dots = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * dots) || canvas.height !== Math.round(height * dots)) {
    canvas.width = Math.round(width * dots);
    canvas.height = Math.round(height * dots);
  }

  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  const style = getComputedStyle(canvas);
  const played = playingId.value === track.id ? position.value : 0;
  const middle = height / 2;
  pen.setTransform(dots, 0, 0, dots, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = style.color;
  for (let x = 0; x < width; x += Bar) {
    const [from, to] = [x / width * seconds, (x + Bar) / width * seconds];
    const isThere = from < track.known;
    const half = isThere ? Math.max(1, track.peak(from, to) / full * (middle - 2)) : 0.75;
    pen.globalAlpha = !isThere ? 0.35 : from < played ? 1 : 0.45;
    pen.fillRect(x, middle - half, isThere ? Bar - 1 : 1, half * 2);
  }

  if (playingId.value === track.id) {
    pen.globalAlpha = 1;
    pen.fillStyle = style.caretColor;
    pen.fillRect(Math.min(width - 1.5, played / seconds * width), 0, 1.5, height);
  }
}
