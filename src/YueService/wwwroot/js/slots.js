// The genre line as tags, each in its own slot, with suggestions from the service's list of tags.
import { computed, signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { faultsOf, genre } from './form.js';
import { options } from './jobs.js';
import { plain, Remarks, remarksOn } from './lyrics.js';
import { html } from './ui.js';

/** @typedef {{ slot: string, text: string, start: number, end: number }} Part */

const Slots = ['genre', 'instrument', 'mood', 'voice', 'timbre'];
const Order = [...Slots, 'tempo', 'other'];
const Shown = 60;
const Tempo = /^\d{2,3} ?bpm$/;
const Tempos = ['60 bpm', '72 bpm', '80 bpm', '90 bpm', '100 bpm', '110 bpm', '120 bpm', '128 bpm', '140 bpm', '160 bpm'];

const slotOfTag = computed(() => new Map(Slots.flatMap((slot) => tagsOf(slot).map((tag) => [tag.toLowerCase(), slot]))));

/** The slot whose list is open; null for none. @type {import('@preact/signals').Signal<{ slot: string, part: Part | null } | null>} */
const editing = signal(null);

/** @param {string} slot @returns {string[]} */
function tagsOf(slot) {
  return slot === 'tempo' ? Tempos : options.value?.tags?.[slot] ?? [];
}

/** The genre line split into tags, in order. */
export const parts = computed(() => cut(genre.value));

/** @param {string} line @returns {Part[]} */
function cut(line) {
  const words = [...line.matchAll(/[^\s,]+/g)];
  /** @type {Part[]} */
  const list = [];
  for (let at = 0; at < words.length;) {
    const found = longestTag(line, words, at);
    const last = list.at(-1);
    if (!found.slot && last?.slot === 'other' && !line.slice(last.end, found.start).includes(',')) {
      last.end = found.end;
      last.text = line.slice(last.start, last.end);
    } else {
      list.push({ slot: found.slot || 'other', text: line.slice(found.start, found.end), start: found.start, end: found.end });
    }

    at += found.words;
  }

  return list;
}

/** @param {string} line @param {RegExpMatchArray[]} words @param {number} at */
function longestTag(line, words, at) {
  const start = words[at].index ?? 0;
  for (let length = Math.min(4, words.length - at); length > 0; length--) {
    const last = words[at + length - 1];
    const end = (last.index ?? 0) + last[0].length;
    const text = line.slice(start, end).toLowerCase();
    const slot = Tempo.test(text) ? 'tempo' : slotOfTag.value.get(text);
    if (slot) {
      return { slot, start, end, words: length };
    }
  }

  return { slot: '', start, end: start + words[at][0].length, words: 1 };
}

/** Replaces a tag, removes it if the text is empty, or adds one at the end. @param {Part | null} part @param {string} text */
function put(part, text) {
  const line = genre.value;
  if (part) {
    genre.value = text ? line.slice(0, part.start) + text + line.slice(part.end) : cutOut(line, part);
  } else if (text) {
    genre.value = line.trim() ? `${line.trimEnd()}${line.includes(',') ? ', ' : ' '}${text}` : text;
  }
}

/** @param {string} line @param {Part} part */
function cutOut(line, part) {
  const before = line.slice(0, part.start).replace(/[\s,]+$/, '');
  const after = line.slice(part.end).replace(/^[\s,]+/, '');
  const joint = line.includes(',') ? ', ' : ' ';
  return before && after ? before + joint + after : before + after;
}

export function Sound() {
  // The list of tags is not available immediately.
  const isKnown = options.value !== null;
  const chips = (isKnown ? [...parts.value] : []).sort((a, b) => Order.indexOf(a.slot) - Order.indexOf(b.slot));
  const empty = [...Slots, 'tempo'].filter((slot) => isKnown && !chips.some((part) => part.slot === slot));
  const errors = faultsOf('genre').map(plain);
  const remarks = remarksOn('genre');
  const described = [errors.length > 0 ? 'genre-fault' : '', remarks.length > 0 ? 'genre-remarks' : ''].filter(Boolean).join(' ');
  return html`<section class="sound" aria-labelledby="sound-title">
    <h2 id="sound-title">Sound</h2>
    <div class="chips">
      ${chips.map((part) => html`<${Chip} key=${`${part.slot}:${part.start}`} slot=${part.slot} part=${part} />`)}
      ${empty.map((slot) => html`<${Chip} key=${slot} slot=${slot} part=${null} />`)}
    </div>
    <label class="line"><span>Sent as</span>
      <input class="mono" name="genre" value=${genre.value} maxlength="1000" autocomplete="off" spellcheck="false"
        placeholder="for example: bright pop piano female 100 bpm"
        aria-invalid=${errors.length > 0 ? 'true' : undefined} aria-describedby=${described || undefined}
        onKeyDown=${(/** @type {KeyboardEvent} */ event) => { if (event.key === 'Enter' && !event.ctrlKey) { event.preventDefault(); } }}
        onInput=${(/** @type {any} */ event) => { genre.value = event.target.value; }} /></label>
    ${errors.length > 0 ? html`<p class="fault" id="genre-fault" role="alert">${errors.join(' ')}</p>` : null}
    <${Remarks} id="genre-remarks" texts=${remarks} />
  </section>`;
}

/** @param {{ slot: string, part: Part | null }} props */
function Chip({ slot, part }) {
  const isOpen = editing.value?.slot === slot && editing.value.part?.start === part?.start;
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const close = (/** @type {boolean} */ back) => {
    editing.value = null;
    if (back) {
      button.current?.focus();
    }
  };
  return html`<span class=${`chip ${part ? '' : 'empty'}`}>
    <button type="button" ref=${button} aria-haspopup="listbox" aria-expanded=${isOpen}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
        if (part && (event.key === 'Delete' || event.key === 'Backspace')) { put(part, ''); } }}
      onClick=${() => { editing.value = isOpen ? null : { slot, part }; }}>
      ${part ? html`${slot === 'other' ? null : html`<small>${slot}</small>`} ${part.text}` : `+ ${slot}`}</button>
    ${isOpen ? html`<${TagPicker} slot=${slot} part=${part} onClose=${close} />` : null}
  </span>`;
}

/** @param {{ slot: string, part: Part | null, onClose: (back: boolean) => void }} props */
function TagPicker({ slot, part, onClose }) {
  const typed = useSignal('');
  const at = useSignal(-1);
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => input.current?.focus(), []);
  const wanted = typed.value.trim().toLowerCase();
  const all = tagsOf(slot).length > 0 ? tagsOf(slot) : Slots.flatMap(tagsOf);
  const starting = all.filter((tag) => tag.toLowerCase().startsWith(wanted));
  const inside = wanted ? all.filter((tag) => !tag.toLowerCase().startsWith(wanted) && tag.toLowerCase().includes(wanted)) : [];
  const list = [...starting, ...inside].slice(0, Shown);
  const pick = (/** @type {string} */ text) => {
    put(part, text);
    onClose(true);
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0) {
      at.value = (at.value + step + list.length + (at.value < 0 && step < 0 ? 1 : 0)) % Math.max(1, list.length);
      document.getElementById(`tag-${at.value}`)?.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter') {
      pick(list[at.value] ?? (typed.value.trim() || (part?.text ?? '')));
    } else if (event.key === 'Escape') {
      onClose(true);
    } else {
      return;
    }

    event.preventDefault();
    event.stopPropagation();
  };
  return html`<div class="picker" onFocusOut=${(/** @type {any} */ event) => {
    if (!event.currentTarget.contains(event.relatedTarget)) {
      onClose(false);
    }
  }}>
    <input ref=${input} role="combobox" aria-label=${`${slot} tag`} aria-expanded="true" aria-controls="tags" aria-autocomplete="list"
      aria-activedescendant=${at.value >= 0 ? `tag-${at.value}` : undefined} placeholder=${part ? part.text : `Any ${slot}`}
        autocomplete="off" spellcheck="false"
      value=${typed.value} onInput=${(/** @type {any} */ event) => { typed.value = event.target.value;
        at.value = event.target.value && list.length > 0 ? 0 : -1; }} onKeyDown=${keys} />
    ${part ? html`<button type="button" class="quiet remove-tag"
      onClick=${() => { put(part, ''); onClose(false); }}>Remove “${part.text}”</button>` : null}
    <ul id="tags" role="listbox" aria-label=${`${slot} tags`} tabindex="-1">
      ${list.map((tag, index) => html`<li key=${tag} id=${`tag-${index}`} role="option" aria-selected=${index === at.value}
        onPointerDown=${(/** @type {Event} */ event) => event.preventDefault()} onClick=${() => pick(tag)}>${tag}</li>`)}
      ${list.length === 0 ? html`<li role="option" aria-selected="false"
        aria-disabled="true">Press Enter to use “${typed.value.trim()}”</li>` : null}
    </ul>
  </div>`;
}
