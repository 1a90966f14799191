// What is written on the left of the page, and the request that it stands for.
import { computed, effect, signal } from '@preact/signals';
import { send } from './api.js';
import { store, stored } from './ui.js';

/** @typedef {{ key: number, written: string, text: string }} Card A section of the lyrics: its tag as written, and its words. */
/** @typedef {{ how: 'continue' | 'replace_section', id: string, title: string, section: number, sung: number }} Remake */

const Example = { lyrics: '[verse]\nStaring at the sunset\n\n[chorus]\nEvery road you take', genre: 'bright pop piano female 100 bpm' };
// Repeat marks such as [x2] are notes, no sections.
const TagLine = /^[ \t]*\[(?!\s*(?:[x×]\s*\d|\d+\s*[x×])\s*\])([^[\]\n]{1,40})\][ \t]*$/m;
const CheckDelay = 350;

let keys = 0;

/** The genre line, just as it is sent. */
export const genre = signal(Example.genre);

/** @type {import('@preact/signals').Signal<Card[]>} */
export const cards = signal(cardsOf(Example.lyrics));

/** Whether the lyrics are shown as one text. */
export const asText = signal(false);

/** The number of songs that a press makes. */
export const takes = signal(1);

/**
 * The other fields of the request, by their names; null where the default holds.
 * @type {import('@preact/signals').Signal<Record<string, any>>}
 */
export const fields = signal({});

/** The song that the request goes on from; null for a new song. @type {import('@preact/signals').Signal<Remake | null>} */
export const remake = signal(null);

/** The faults that the service found in the last request, by field. @type {import('@preact/signals').Signal<Record<string, string[]>>} */
export const faults = signal({});

/**
 * What the service says of the request before it is sent; null before its first answer.
 * @type {import('@preact/signals').Signal<import('./types').Check | null>}
 */
export const check = signal(null);

/** The lyrics that were opened: as long as their cards are the same, they are sent just as they came. */
let opened = { text: Example.lyrics, joined: join(cards.peek()) };

export const lyrics = computed(() => {
  const joined = join(cards.value);
  return joined === opened.joined ? opened.text : joined;
});

/** @param {Card[]} list */
function join(list) {
  return list.map((card) => head(card) + card.text).join('\n\n');
}

/** @param {Card} card */
function head(card) {
  return card.written ? `[${card.written}]\n` : '';
}

/** Where the words of each card are in the text that is checked, in UTF-16 units, by the card's key. */
const places = computed(() => {
  let at = 0;
  return new Map(cards.value.map((card) => {
    const start = at + head(card).length;
    at = start + card.text.length + 2;
    return [card.key, start];
  }));
});

/** @typedef {{ code: string, start: number, end: number, message: string }} Finding Positions in UTF-16 units of the card's words. */

/** @param {Card} card Returns what the service found in a card's words or in its tag. @returns {Finding[]} */
export function findingsOf(card) {
  const told = check.value;
  const start = places.value.get(card.key) ?? 0;
  if (!told || told.text !== join(cards.value)) {
    return [];
  }

  return told.warnings.filter((warning) => warning.field === 'lyrics' && warning.start !== null
      && warning.start >= start - head(card).length && warning.start <= start + card.text.length)
    .map((warning) => ({ code: warning.code, message: warning.message,
      start: Math.max(0, warning.start - start), end: Math.max(0, warning.end - start) }));
}

/** @param {Card} card Returns about how long a card is sung; null if that is not known. */
export function secondsOf(card) {
  const start = places.value.get(card.key) ?? 0;
  const section = check.value?.sections.find((entry) => entry.start !== null && entry.start <= start && entry.end >= start);
  return section?.estimated_seconds ?? null;
}

let checks = 0;

/** Asks the service about the request as it stands. */
async function ask() {
  const number = ++checks;
  const text = join(cards.value);
  try {
    const told = await send('POST', '/v1/songs/check', { json: { ...request(), lyrics: text, seed: 1 } });
    if (number === checks) {
      check.value = inUnits(told, text);
    }
  } catch {
    // It is asked again at the next change.
  }
}

/** @param {any} told The service's answer, which counts Unicode characters. @param {string} text @returns {import('./types').Check} */
function inUnits(told, text) {
  const units = [0];
  for (const character of text) {
    units.push(units[units.length - 1] + character.length);
  }

  const unit = (/** @type {number | null} */ at) => (at === null ? null : units[at] ?? text.length);
  const move = (/** @type {any} */ entry) => ({ ...entry, start: unit(entry.start), end: unit(entry.end) });
  return { ...told, text, sections: told.sections.map(move),
    warnings: told.warnings.map((/** @type {any} */ entry) => (entry.field === 'lyrics' ? move(entry) : entry)) };
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
    return first.written ? [...(changed.written && !changed.text.trimStart().startsWith('[')
      ? [{ ...changed, text: '' }] : []), first, ...rest]
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

  const seconds = fields.value.target_seconds;
  if (from && Array.isArray(seconds)) {
    // One length for each section that was sung: the new ones take that of the last, or of the one whose place they take.
    Object.assign(body, { target_seconds: seconds[from.how === 'continue' ? seconds.length - 1 : from.section - 1] ?? seconds.at(-1) });
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
  const { lyrics: text = '', genre: line = '', takes: number = 1,
    continue_from: _, replace_section: __, client_job_id: ___, ...rest } = body;
  /** @type {Record<string, any>} */
  const flat = {};
  for (const [name, value] of Object.entries(rest)) {
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      Object.entries(value).forEach(([inner, part]) => { flat[`${name}.${inner}`] = part; });
    } else {
      flat[name] = value;
    }
  }

  if (Array.isArray(flat.target_seconds) && new Set(flat.target_seconds).size === 1) {
    flat.target_seconds = flat.target_seconds[0];
  }

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

let asking = 0;
effect(() => {
  void [cards.value, genre.value, fields.value, remake.value];
  clearTimeout(asking);
  asking = window.setTimeout(ask, CheckDelay);
});

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
