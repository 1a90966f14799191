// Keeps the form's content across reloads. Words that are replaced before they are sung become drafts.
import { batch, computed, effect, signal } from '@preact/signals';
import { addCard, cards, cardsOf, fields, firstLine, genre, lyrics, newCard, refused, remake, setLyrics, takes } from './form.js';
import { short, showToast, store, stored } from './ui.js';

/** @typedef {import('./form.js').Remake} Remake */

/** The form's content, and the key of the content that was last opened or sung.
 * @typedef {{ text: string, line: string, rest: Record<string, any>, number: number, remake: Remake | null, settled: string }} Content
 */

/** @typedef {Content & { key: string, time: string }} Draft */

const MaxDrafts = 30;

/** The key of the form's content when it was last opened or sung; initially that of the example. */
const settled = signal(keyOf({ text: lyrics.value, line: genre.value, rest: {} }));

/** The drafts, newest first. @type {import('@preact/signals').Signal<Draft[]>} */
export const drafts = signal(readDrafts());

/** @returns {Draft[]} */
function readDrafts() {
  try {
    return JSON.parse(stored('drafts') ?? '[]');
  } catch {
    return [];
  }
}

/** @param {Draft[]} list */
function write(list) {
  drafts.value = list;
  store('drafts', list.length > 0 ? JSON.stringify(list) : null);
}

/** Saves the form's content as a draft. @param {Content} from */
function keep(from) {
  const key = keyOf(from);
  write([{ ...from, key, time: new Date().toISOString() }, ...readDrafts().filter((draft) => draft.key !== key)].slice(0, MaxDrafts));
}

/** Removes a draft that is in the form again or has been sung. @param {Content} from */
function drop(from) {
  const key = keyOf(from);
  if (readDrafts().some((draft) => draft.key === key)) {
    write(readDrafts().filter((draft) => draft.key !== key));
  }
}

/** Removes all drafts. */
export function dropAll() {
  write([]);
}

addEventListener('storage', (event) => {
  if (event.key === 'yue.drafts') {
    drafts.value = readDrafts();
  }
});

/** Returns the form's content. @returns {Content} */
export function content() {
  return { text: lyrics.value, line: genre.value, rest: fields.value, number: takes.value, remake: remake.value, settled: settled.value };
}

/** Restores the form's content. @param {Content} from */
function restore({ text, line, rest, number, remake: from, settled: last }) {
  batch(() => {
    remake.value = from ?? null;
    fields.value = rest;
    takes.value = number;
    genre.value = line;
    setLyrics(text);
    settled.value = last ?? '';
  });
}

/** Returns a key for the parts of the content that the user writes. @param {Pick<Content, 'text' | 'line' | 'rest'>} from */
export function keyOf({ text, line, rest }) {
  return JSON.stringify([text.trim(), line.trim(), Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

/** Returns true if the content would be lost if it were replaced. @param {Content} from */
function isUnsung(from) {
  const [, line] = JSON.parse(from.settled || '["", ""]');
  return keyOf(from) !== from.settled && (firstLine(from.text) !== '' || from.line.trim() !== line);
}

/** Records that the form's current content is also stored elsewhere. */
function settle() {
  settled.value = keyOf(content());
}

/** @param {string} text @param {() => void} back */
function offerUndo(text, back) {
  showToast({ text, action: 'Undo', run: back });
}

/** Replaces the form's content. Words that were never sung are kept as a draft, and a message offers to restore them.
 * @param {() => void} change
 */
function replace(change) {
  const before = content();
  batch(change);
  refused.value = {};
  settle();
  if (isUnsung(before) && keyOf(before) !== settled.value) {
    keep(before);
    offerUndo(`Moved “${short(titleOf(before), 30)}” to Drafts`, () => openDraft(before));
  }
}

/** Returns the name of a draft. @param {Content} from */
export function titleOf({ text, line, rest }) {
  return rest.title || firstLine(text) || line || 'Untitled';
}

/** Puts a draft into the form, and keeps the previous content as a draft. @param {Content} draft */
export function openDraft(draft) {
  replace(() => restore(draft));
  // The draft has still not been sung.
  settled.value = draft.settled ?? '';
  drop(draft);
}

/** The drafts that are not in the form. */
export const otherDrafts = computed(() => drafts.value.filter((draft) => draft.key !== keyOf(content())));

/** Opens a request in the form. @param {Record<string, any>} body */
export function open(body) {
  replace(() => fill(body));
}

/** Opens the request of a song in order to replace a section or to continue the song.
 * @param {Record<string, any>} body
 * @param {Omit<Remake, 'before'>} from
 */
export function openRemake(body, from) {
  const before = remake.value?.before ?? content();
  replace(() => {
    fill(body);
    remake.value = { ...from, before };
    if (from.how === 'continue' && cards.value.length <= from.sung) {
      addCard();
    }
  });
}

/** Stops changing a song, and restores the form's previous content. */
export function endRemake() {
  const before = remake.value?.before;
  if (before) {
    replace(() => restore(before));
    settled.value = before.settled;
    drop(before);
  }
}

/** Clears the words and the settings for a new song; the genre line and the number of takes stay. */
export function clear() {
  replace(() => {
    remake.value = null;
    fields.value = {};
    setLyrics('[verse]\n');
  });
}

/** Records that a song was requested with this content. @param {Content} sent */
export function sung(sent) {
  drop(sent);
  const { before } = sent.remake ?? {};
  const isSame = keyOf(content()) === keyOf(sent);
  settled.value = keyOf(sent);
  if (isSame && before && isUnsung(before)) {
    // The words from before the change have not been sung yet.
    restore(before);
    drop(before);
  } else if (remake.value === sent.remake) {
    remake.value = null;
  }
}

/** Loads a request into the form; sending it unchanged gives the same song, unless it continues or revises another one.
 * @param {Record<string, any>} body
 */
function fill(body) {
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

  if (flat.title === firstLine(String(text))) {
    // This is the default title, which changes with the words.
    delete flat.title;
  }

  const known = Object.entries(flat).filter(([, value]) => value !== null && value !== undefined);
  remake.value = null;
  fields.value = Object.fromEntries(known);
  takes.value = Number(number) || 1;
  genre.value = String(line);
  setLyrics(String(text));
}

/** Removes a section; this can be undone. @param {number} key */
export function removeCard(key) {
  const at = cards.value.findIndex((card) => card.key === key);
  const card = cards.value[at];
  const before = content();
  const rest = cards.value.filter((other) => other !== card);
  cards.value = rest.length > 0 ? rest : [newCard('verse', '')];
  if (card.text.trim()) {
    if (isUnsung(before)) {
      keep(before);
    }

    offerUndo(`Removed ${card.written || 'verse'}`, () => {
      drop(before);
      cards.value = [...rest.slice(0, at), card, ...cards.value.slice(at)];
    });
  }
}

// The browser stores the form's content, so that a reload loses nothing. Each tab has its own words; a new tab begins with the latest
// words.
const own = stored('form', 'session');
const last = own ?? stored('form');
if (last) {
  try {
    restore(JSON.parse(last));
  } catch {
    // Another release may have stored this content.
  }
}

if (own) {
  drop(content());
}

effect(() => {
  const value = JSON.stringify(content());
  store('form', value, 'session');
  store('form', value);
});

// Another tab may store other words before this tab is opened again.
addEventListener('pagehide', () => isUnsung(content()) && keep(content()));
