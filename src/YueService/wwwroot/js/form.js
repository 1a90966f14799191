// The content of the form on the left of the page, and the request made from it.
import { computed, signal } from '@preact/signals';
import { options } from './jobs.js';

/** @typedef {{ key: number, written: string, text: string }} Card A section of the lyrics: its tag as written and its words. */

/** The song that a request continues or revises, and the form's previous content.
 * @typedef {{ how: 'continue' | 'replace_section', id: string, title: string, section: number, sung: number,
 *   before: import('./drafts.js').Content }} Remake
 */

const Example = { lyrics: '[verse]\nStaring at the sunset\n\n[chorus]\nEvery road you take', genre: 'bright pop piano female 100 bpm' };
// Repeat marks such as [x2] are notes, not sections.
const TagLine = /^[ \t]*\[(?!\s*(?:[x×]\s*\d|\d+\s*[x×])\s*\])([^[\]\n]{1,40})\][ \t]*$/m;
/** The tags of sections in which nothing is sung. */
const Wordless = /^(intro|outro|interlude|instrumental|solo|break)$/i;

let keys = 0;

/** The genre line, exactly as it is sent. */
export const genre = signal(Example.genre);

/** @type {import('@preact/signals').Signal<Card[]>} */
export const cards = signal(cardsOf(Example.lyrics));

/** True if the lyrics are shown in one text field. */
export const asText = signal(false);

/** The number of takes to request. */
export const takes = signal(1);

/** The other fields of the request by name; a field without an entry has its default value.
 * @type {import('@preact/signals').Signal<Record<string, any>>}
 */
export const fields = signal({});

/** The song that the request continues or revises; null for a new song. @type {import('@preact/signals').Signal<Remake | null>} */
export const remake = signal(null);

/** The service's messages about fields of the last request, with the value that each field had when it was rejected.
 * @type {import('@preact/signals').Signal<Record<string, { value: string, messages: string[] }>>}
 */
export const refused = signal({});

/** The lyrics that were opened: as long as their cards are unchanged, they are sent unchanged. */
let opened = { text: Example.lyrics, joined: join(cards.peek()) };

export const lyrics = computed(() => {
  const joined = join(cards.value);
  return joined === opened.joined ? opened.text : joined;
});

/** Joins sections into one string. @param {Card[]} list */
export function join(list) {
  return list.map((card) => head(card) + card.text).join('\n\n');
}

/** Returns the line that contains a section's tag; empty without a tag. @param {Card} card */
export function head(card) {
  return card.written ? `[${card.written}]\n` : '';
}

/** Splits lyrics at the lines that contain only a tag. @param {string} text @returns {Card[]} */
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
export function containsTag(text) {
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

/** Puts other lyrics into the form. @param {string} text */
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
    if (!containsTag(changed.text)) {
      return [changed];
    }

    // The user typed or pasted a tag: the rest becomes a new section.
    const [first, ...rest] = cardsOf(changed.text);
    return first.written ? [...(changed.written && !changed.text.trimStart().startsWith('[')
      ? [{ ...changed, text: '' }] : []), first, ...rest]
      : [{ ...changed, text: first.text }, ...rest];
  });
}

/** Changes the current words of a section. @param {number} key @param {(words: string) => string} change */
export function changeWords(key, change) {
  const card = cards.value.find((other) => other.key === key);
  if (card) {
    changeCard(key, { text: change(card.text) });
  }
}

/** @param {string} [written] */
export function addCard(written = nextTag()) {
  const card = newCard(written, '');
  cards.value = [...cards.value, card];
  return card;
}

/** Returns the most likely tag after the last section. */
function nextTag() {
  return cards.value.at(-1)?.written === 'verse' ? 'chorus' : 'verse';
}

/** @param {number} key @param {number} to The new index. */
export function moveCard(key, to) {
  const list = [...cards.value];
  const from = list.findIndex((card) => card.key === key);
  const min = remake.value?.how === 'continue' ? remake.value.sung : 0;
  if (from >= min && to >= min && to < list.length) {
    list.splice(to, 0, ...list.splice(from, 1));
    cards.value = list;
  }
}

/** @param {string} name @param {any} value Null, undefined and an empty string mean the default. */
export function setField(name, value) {
  const rest = { ...fields.value };
  delete rest[name];
  fields.value = value === null || value === undefined || value === '' ? rest : { ...rest, [name]: value };
}

/** The section that needs words before the song can be sung; null if there are words to sing. */
export const cardWithoutWords = computed(() => {
  const from = remake.value;
  const list = from === null ? cards.value
    : from.how === 'continue' ? cards.value.slice(from.sung) : cards.value.slice(from.section - 1, from.section);
  const isFine = (/** @type {Card} */ card) => card.text.trim() !== '' || Wordless.test(card.written);
  return fields.value.instrumental === true || list.some(isFine) ? null : list[0] ?? null;
});

/** Returns a new random seed. */
export function freshSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0] >>> 1;
}

/** Returns the request for the form's content. */
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
    // There is one length per sung section. A new section gets the length of the last section, or of the section that it replaces.
    Object.assign(body, { target_seconds: seconds[from.how === 'continue' ? seconds.length - 1 : from.section - 1] ?? seconds.at(-1) });
  }

  return fitting(body);
}

/** The chosen model, or the service's first model if none is chosen; null before the service has sent its models. */
export const model = computed(() => {
  const models = options.value?.models ?? [];
  return models.find((entry) => entry.name === fields.value.model) ?? models[0] ?? null;
});

/** Returns whether the chosen model supports a field; true if the model or the field is unknown. @param {string} name */
export function isSupported(name) {
  const chosen = model.value;
  const field = options.value?.fields.find((entry) => entry.name === name);
  return chosen === null || (field?.models.includes(chosen.name) ?? true);
}

/** Returns a request body without the fields that the chosen model does not support. @param {Record<string, any>} body */
function fitting(body) {
  const isObject = (/** @type {any} */ value) => value !== null && typeof value === 'object' && !Array.isArray(value);
  const kept = Object.entries(body)
    .filter(([name, value]) => isObject(value)
      || (isSupported(name) && (name !== 'stage' || (model.value?.stages.includes(value) ?? true))))
    .map(([name, value]) => [name, isObject(value)
      ? Object.fromEntries(Object.entries(value).filter(([inner]) => isSupported(`${name}.${inner}`))) : value]);
  return Object.fromEntries(kept);
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

/** Returns the first line that is sung, which is the default title; empty if there is none. @param {string} text */
export function firstLine(text) {
  return cardsOf(text).flatMap((card) => card.text.split('\n')).map((line) => line.trim()).find((line) => line !== '') ?? '';
}

/** Returns a field's value as text. @param {string} name */
function valueOf(name) {
  return JSON.stringify(name === 'lyrics' ? lyrics.value : name === 'genre' ? genre.value : fields.value[name] ?? null);
}

/** Stores the service's messages about the fields of a request. @param {Record<string, string[]>} errors */
export function refuse(errors) {
  refused.value = Object.fromEntries(Object.entries(errors).map(([name, messages]) => [name, { value: valueOf(name), messages }]));
}

/** Returns the service's messages about a field, as long as its value has not changed. @param {string} name */
export function faultsOf(name) {
  const fault = refused.value[name];
  return fault && fault.value === valueOf(name) ? fault.messages : [];
}
