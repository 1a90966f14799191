// What is written on the left of the page, and the request that it stands for.
import { computed, effect, signal } from '@preact/signals';
import { store, stored } from './ui.js';

/** @typedef {{ key: number, written: string, text: string }} Card A section of the lyrics: its tag as written, and its words. */
/** @typedef {{ how: 'continue' | 'replace_section', id: string, title: string, section: number, sung: number }} Remake */

const Example = { lyrics: '[verse]\nStaring at the sunset\n\n[chorus]\nEvery road you take', genre: 'bright pop piano female 100 bpm' };
const TagLine = /^[ \t]*\[([^[\]\n]{1,40})\][ \t]*$/m;

let keys = 0;

/** The genre line, just as it is sent. */
export const genre = signal(Example.genre);

/** @type {import('@preact/signals').Signal<Card[]>} */
export const cards = signal(cardsOf(Example.lyrics));

/** Whether the lyrics are shown as one text. */
export const asText = signal(false);

/** The number of songs that a press makes. */
export const takes = signal(1);

/** The other fields of the request, by their names; null where the default holds. @type {import('@preact/signals').Signal<Record<string, any>>} */
export const fields = signal({});

/** The song that the request goes on from; null for a new song. @type {import('@preact/signals').Signal<Remake | null>} */
export const remake = signal(null);

/** The faults that the service found in the last request, by field. @type {import('@preact/signals').Signal<Record<string, string[]>>} */
export const faults = signal({});

/** The lyrics that were opened: as long as their cards are the same, they are sent just as they came. */
let opened = { text: Example.lyrics, joined: join(cards.peek()) };

export const lyrics = computed(() => {
  const joined = join(cards.value);
  return joined === opened.joined ? opened.text : joined;
});

/** @param {Card[]} list */
function join(list) {
  return list.map((card) => (card.written ? `[${card.written}]\n${card.text}` : card.text)).join('\n\n');
}

/** @param {string} text Cuts lyrics at the lines that hold a tag and nothing else. @returns {Card[]} */
export function cardsOf(text) {
  const pieces = text.replace(/\r\n?/g, '\n').split(new RegExp(TagLine, 'gm'));
  const list = [];
  for (let at = 1; at < pieces.length; at += 2) {
    list.push(newCard(pieces[at].trim(), trimLines(pieces[at + 1])));
  }

  const before = trimLines(pieces[0]);
  return before || list.length === 0 ? [newCard('', before), ...list] : list;
}

/** @param {string} text */
export function holdsTag(text) {
  return TagLine.test(text);
}

/** @param {string} written @param {string} text @returns {Card} */
export function newCard(written, text) {
  return { key: ++keys, written, text };
}

/** @param {string} text */
function trimLines(text) {
  return text.replace(/^\s*\n/, '').trimEnd();
}

/** @param {string} text Puts other lyrics into the form. */
export function setLyrics(text) {
  const list = cardsOf(text);
  opened = { text, joined: join(list) };
  cards.value = list;
}

/** @param {number} key @param {Partial<Card>} change */
export function changeCard(key, change) {
  cards.value = cards.value.flatMap((card) => {
    if (card.key !== key) {
      return [card];
    }

    const changed = { ...card, ...change };
    if (!holdsTag(changed.text)) {
      return [changed];
    }

    // Somebody wrote or pasted a tag: the rest is a section of its own.
    const [first, ...rest] = cardsOf(changed.text);
    return first.written ? [...(changed.written && !changed.text.trimStart().startsWith('[') ? [{ ...changed, text: '' }] : []), first, ...rest]
      : [{ ...changed, text: first.text }, ...rest];
  });
}

/** @param {string} [written] */
export function addCard(written = nextTag()) {
  const card = newCard(written, '');
  cards.value = [...cards.value, card];
  return card;
}

/** Returns the likeliest tag after the last section. */
function nextTag() {
  return cards.value.at(-1)?.written === 'verse' ? 'chorus' : 'verse';
}

/** @param {number} key */
export function removeCard(key) {
  const rest = cards.value.filter((card) => card.key !== key);
  cards.value = rest.length > 0 ? rest : [newCard('verse', '')];
}

/** @param {number} key @param {number} to The index of the place. */
export function moveCard(key, to) {
  const list = [...cards.value];
  const from = list.findIndex((card) => card.key === key);
  const least = remake.value?.how === 'continue' ? remake.value.sung : 0;
  if (from >= least && to >= least && to < list.length) {
    list.splice(to, 0, ...list.splice(from, 1));
    cards.value = list;
  }
}

/** @param {string} name @param {any} value Null, undefined and empty are the default. */
export function setField(name, value) {
  const rest = { ...fields.value };
  delete rest[name];
  fields.value = value === null || value === undefined || value === '' ? rest : { ...rest, [name]: value };
}

/** Returns a seed for a song that nobody has heard. */
export function freshSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0] >>> 1;
}

/** Returns the request that the form stands for. */
export function request() {
  const { stage = 'full', run_n_segments: sung = 0, ...rest } = fields.value;
  const from = remake.value;
  const body = {
    lyrics: lyrics.value,
    genre: genre.value,
    run_n_segments: sung,
    seed: freshSeed(),
    stage,
    output: { stems: true },
    ...unflatten(rest),
  };
  if (takes.value > 1 && !from) {
    Object.assign(body, { takes: takes.value });
  }

  if (from?.how === 'continue') {
    Object.assign(body, { continue_from: from.id, run_n_segments: Math.max(1, cards.value.length - from.sung) });
  } else if (from) {
    Object.assign(body, { continue_from: from.id, replace_section: from.section });
  }

  return body;
}

/** @param {Record<string, any>} flat */
function unflatten(flat) {
  /** @type {Record<string, any>} */
  const body = { output: { stems: true } };
  for (const [name, value] of Object.entries(flat)) {
    const [outer, inner] = name.split('.');
    if (inner) {
      body[outer] = { ...body[outer], [inner]: value };
    } else {
      body[outer] = value;
    }
  }

  return body;
}

/**
 * Reads a request into the form; asking for it unchanged gives the same song.
 * @param {Record<string, any>} body
 */
export function open(body) {
  const { lyrics: text = '', genre: line = '', takes: number = 1, continue_from: _, replace_section: __, client_job_id: ___, ...rest } = body;
  /** @type {Record<string, any>} */
  const flat = {};
  for (const [name, value] of Object.entries(rest)) {
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      Object.entries(value).forEach(([inner, part]) => { flat[`${name}.${inner}`] = part; });
    } else {
      flat[name] = value;
    }
  }

  // Defaults need no place in the form.
  const kept = Object.entries(flat).filter(([, value]) => value !== null && value !== undefined);
  remake.value = null;
  faults.value = {};
  fields.value = Object.fromEntries(kept);
  takes.value = Number(number) || 1;
  genre.value = String(line);
  setLyrics(String(text));
}

/** Empties the form for another song. */
export function clear() {
  remake.value = null;
  faults.value = {};
  fields.value = {};
  setLyrics('[verse]\n');
}

// The browser keeps what was written, so that a reload loses nothing.
const kept = stored('form');
if (kept) {
  try {
    const { text, line, rest, number } = JSON.parse(kept);
    setLyrics(text);
    genre.value = line;
    fields.value = rest;
    takes.value = number;
  } catch {
    // Another release wrote it.
  }
}

effect(() => {
  const value = JSON.stringify({ text: lyrics.value, line: genre.value, rest: fields.value, number: takes.value });
  if (!remake.value) {
    store('form', value);
  }
});
