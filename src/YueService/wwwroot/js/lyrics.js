// The lyrics as cards, one per section, or in one text field, with the service's findings at their positions.
import { computed, effect, signal } from '@preact/signals';
import { locked, reachable, send } from './api.js';
import { clear, dropAll, openDraft, otherDrafts, removeCard, titleOf } from './drafts.js';
import { addCard, asText, cards, cardWithoutWords, changeCard, changeWords, faultsOf, fields, firstLine, genre, head, join, lyrics,
  moveCard, remake, request, setField, setLyrics } from './form.js';
import { html, Icon, Menu, short, showToast, since } from './ui.js';

/** @typedef {import('./form.js').Card} Card */

/** @typedef {(words: string) => string} Change */

/** A finding of the service in the lyrics; its position is in UTF-16 units.
 * @typedef {{ code: string, start: number, end: number, message: string }} Finding
 */

const RepeatMark = /^[[(（【]\s*(?:[x×]\s*(\d)|(\d)\s*[x×])\s*[\])）】]$/i;
/** The kinds of findings that are fixed by removing the text that they are about. */
const Removable = [
  'note', 'bracket_in_words', 'invisible_character', 'control_character', 'time_stamp', 'file_line', 'sung_as_words',
];
/** The kinds of findings about words that are not written yet. */
const Unwritten = ['blank', 'tags_only', 'section_without_words'];
const Tags = ['verse', 'chorus', 'bridge', 'prechorus', 'intro', 'outro', 'interlude', 'instrumental', 'solo', 'break'];
const CheckDelay = 350;

/** The result of the service's check of the request; null before the first response.
 * @type {import('@preact/signals').Signal<import('./types').Check | null>}
 */
export const check = signal(null);

/** True if the user tried to sing a section that has no words yet. */
export const needsWords = signal(false);

/** The key of the card that is being dragged; 0 for none. */
const dragged = signal(0);

/** The text that is checked. */
const shown = computed(() => (asText.value && !remake.value ? lyrics.value : join(cards.value)));

let checks = 0;

/** Sends the current request to the service to be checked. */
async function runCheck() {
  const number = ++checks;
  const text = shown.value;
  try {
    const response = await send('POST', '/v1/songs/check', { json: { ...request(), lyrics: text, seed: 1 } });
    if (number === checks) {
      check.value = inUnits(response, text);
    }
  } catch {
    // The check is repeated after the next change.
  }
}

/** @param {any} response The response, whose positions count Unicode characters. @param {string} text @returns {import('./types').Check} */
function inUnits(response, text) {
  const units = [0];
  for (const character of text) {
    units.push(units[units.length - 1] + character.length);
  }

  const unit = (/** @type {number | null} */ at) => (at === null ? null : units[at] ?? text.length);
  const move = (/** @type {any} */ entry) => ({ ...entry, start: unit(entry.start), end: unit(entry.end) });
  return { ...response, text, sections: response.sections.map(move),
    warnings: response.warnings.map((/** @type {any} */ entry) => (entry.field === 'lyrics' ? move(entry) : entry)) };
}

let checkTimer = 0;
effect(() => {
  void [shown.value, genre.value, fields.value, remake.value, reachable.value];
  clearTimeout(checkTimer);
  if (!locked.value) {
    checkTimer = window.setTimeout(runCheck, CheckDelay);
  }
});

effect(() => {
  if (needsWords.value && !cardWithoutWords.value) {
    needsWords.value = false;
  }
});

/** The result of the check of the current text; null until the service has responded. */
const current = computed(() => (check.value?.text === shown.value ? check.value : null));

/** The position of each card's words in the checked text, in UTF-16 units, by the card's key. */
const places = computed(() => {
  let at = 0;
  return new Map(cards.value.map((card) => {
    const start = at + head(card).length;
    at = start + card.text.length + 2;
    return [card.key, start];
  }));
});

/** @param {string} field @returns {import('./types').Check['warnings']} */
function warningsOf(field) {
  return current.value?.warnings.filter((warning) => warning.field === field) ?? [];
}

/** Returns the service's findings in a card's words or in its tag. @param {Card} card @returns {Finding[]} */
function findingsOf(card) {
  const start = places.value.get(card.key) ?? 0;
  return warningsOf('lyrics').filter((warning) => warning.start !== null
      && warning.start >= start - head(card).length && warning.start <= start + card.text.length)
    .map((warning) => ({ code: warning.code, message: warning.message,
      start: Math.max(0, warning.start - start), end: Math.max(0, warning.end - start) }));
}

/** @returns {Finding[]} The service's findings in all lyrics, for the single text field. */
function findingsInText() {
  const text = lyrics.value;
  const end = text.trimEnd().length;
  return warningsOf('lyrics').filter((warning) => warning.start !== null
    // The user is still writing the last section.
    && !(Unwritten.includes(warning.code) && (warning.end >= end || firstLine(text) === '')));
}

/** Returns the service's findings about a whole field, in plain words. @param {string} field */
export function remarksOn(field) {
  return warningsOf(field).filter((warning) => (field !== 'lyrics' || warning.start === null) && !Unwritten.includes(warning.code))
    .map((warning) => plain(warning.message));
}

/** Returns the estimated length of a card in seconds; null if unknown. @param {Card} card */
function secondsOf(card) {
  const start = places.value.get(card.key) ?? 0;
  const section = check.value?.sections.find((entry) => entry.start !== null && entry.start <= start && entry.end >= start);
  return section?.estimated_seconds ?? null;
}

/** The errors that make it impossible to sing the lyrics. */
const faults = computed(() => {
  const refused = faultsOf('lyrics');
  const reported = firstLine(lyrics.value) === '' ? [] : current.value?.errors.lyrics ?? [];
  return [...new Set([...refused, ...reported])].map(plain);
});

export function Lyrics() {
  const remarks = remarksOn('lyrics');
  return html`<section class="words-section" aria-labelledby="lyrics-title">
    <div class="heading"><h2 id="lyrics-title">Lyrics</h2><${LyricsTools} /></div>
    <${Title} />
    ${asText.value && !remake.value ? html`<${PlainText} />` : html`<${Cards} />`}
    ${faults.value.length > 0 ? html`<p class="fault" id="lyrics-fault" role="alert">${faults.value.join(' ')}</p>` : null}
    <${Remarks} id="lyrics-remarks" texts=${remarks} />
  </section>`;
}

/** The findings about a whole field. @param {{ id: string, texts: string[] }} props */
export function Remarks({ id, texts }) {
  return texts.length === 0 ? null : html`<ul class="findings loose" id=${id}>${texts.map((text) => html`<li class="finding"
    key=${text}>${text}</li>`)}</ul>`;
}

function LyricsTools() {
  const drafts = otherDrafts.value;
  return html`<span class="lyrics-tools">
    ${drafts.length > 0 ? html`<${Menu} label=${html`Drafts <${Icon} name="down" />`} name="Drafts" kind="quiet" items=${[
      ...drafts.map((draft) => ({ label: short(titleOf(draft), 34), hint: since(draft.time), run: () => openDraft(draft) })),
      { label: 'Delete all drafts', run: dropAll },
    ]} />` : null}
    <button type="button" class="quiet" title="Write on an empty page" onClick=${startAnew}>New</button>
    <button type="button" class="quiet" aria-pressed=${asText.value} disabled=${remake.value !== null}
      title="All sections in one text field" onClick=${() => { asText.value = !asText.value; }}>As text</button>
  </span>`;
}

function startAnew() {
  clear();
  focusWords(cards.value[0].key);
}

/** Moves the focus to the words of a card, or to the text that contains them. @param {number} key */
export function focusWords(key) {
  requestAnimationFrame(() => requestAnimationFrame(() =>
    (document.getElementById(`words-${key}`) ?? document.getElementById('all-words'))?.focus()));
}

/** The title, at the same position as on the song's sheet. By default, the first line is the title. */
function Title() {
  return html`<input class="song-title" name="title" aria-label="Title" autocomplete="off" maxlength="200"
    placeholder="Title, or else the first line"
    value=${fields.value.title ?? ''}
    onInput=${(/** @type {any} */ event) => setField('title', event.target.value)} onKeyDown=${toWords} />`;
}

/** Makes Enter move to the words that follow instead of sending the form. @param {KeyboardEvent} event */
function toWords(event) {
  if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    const scope = /** @type {HTMLElement} */ (event.target).closest('.card, .words-section');
    /** @type {HTMLElement | null | undefined} */ (scope?.querySelector('textarea'))?.focus();
  }
}

function PlainText() {
  const findings = findingsInText();
  const area = () => /** @type {HTMLTextAreaElement} */ (document.getElementById('all-words'));
  const go = (/** @type {Finding} */ { start, end }) => {
    area().focus();
    area().setSelectionRange(start, end);
  };
  return html`<div class="card plain">
    <div class="grow"><div class="mirror" aria-hidden="true">${marked(lyrics.value, findings)}${'\u200b'}</div>
      <textarea id="all-words" name="lyrics" aria-label="Lyrics" placeholder=${'[verse]\nWords to sing'}
        aria-invalid=${needsWords.value ? 'true' : undefined} aria-describedby=${describedBy(findings, 'text')}
        value=${lyrics.value} onInput=${(/** @type {any} */ event) => setLyrics(event.target.value)}></textarea></div>
    ${needsWords.value ? html`<${MissingWords} />` : null}
    <${Findings} id="findings-text" text=${lyrics.value} findings=${findings} onGo=${go}
      onChange=${(/** @type {Change} */ change) => setLyrics(change(lyrics.value))} />
  </div>`;
}

/** @param {Finding[]} findings @param {string | number} key */
function describedBy(findings, key) {
  return [needsWords.value ? 'missing-words' : '', faults.value.length > 0 ? 'lyrics-fault' : '',
    findings.length > 0 ? `findings-${key}` : ''].filter(Boolean).join(' ') || undefined;
}

function MissingWords() {
  return html`<p class="fault" id="missing-words" role="alert">Write the words to sing first.</p>`;
}

function Cards() {
  return html`<datalist id="section-tags">${Tags.map((tag) => html`<option value=${tag} />`)}</datalist>
    ${cards.value.map((card, index) => html`<${CardView} key=${card.key} card=${card} index=${index} />`)}
    ${remake.value?.how === 'replace_section' ? null : html`<button type="button" class="add"
      onClick=${() => focusWords(addCard().key)}>+ Add a section</button>`}`;
}

/** @param {{ card: Card, index: number }} props */
function CardView({ card, index }) {
  const from = remake.value;
  const isFixed = from !== null && (from.how === 'continue' ? index < from.sung : index !== from.section - 1);
  const name = card.written || 'verse';
  const place = `section ${index + 1} of ${cards.value.length}`;
  const seconds = secondsOf(card);
  const move = (/** @type {KeyboardEvent} */ event) => {
    const step = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0;
    if (event.altKey && step !== 0 && !from) {
      event.preventDefault();
      const target = /** @type {HTMLElement} */ (event.target);
      moveCard(card.key, index + step);
      // Screen readers read the element again when it gets the focus again, and its name contains the new position.
      requestAnimationFrame(() => {
        target.blur();
        target.focus();
      });
    }
  };
  return html`<article class=${`card ${isFixed ? 'fixed' : ''} ${dragged.value === card.key ? 'dragged' : ''}`}
    aria-label=${`${name}, ${place}`} onKeyDown=${move}>
    <header>
      <button type="button" class="grip" disabled=${from !== null}
        aria-label=${`Move ${name}, ${place}: drag, or Alt with the arrow keys`} title="Drag, or Alt + arrow keys"
        onPointerDown=${(/** @type {PointerEvent} */ event) => drag(event, card.key)}><${Icon} name="grip" /></button>
      <input class="tag" list="section-tags" aria-label="Section name" value=${card.written} placeholder="verse"
        disabled=${from !== null && (isFixed || from.how !== 'continue')} autocomplete="off" maxlength="40"
        onInput=${(/** @type {any} */ event) => changeCard(card.key, { written: event.target.value.replace(/[[\]\n]/g, '') })}
        onKeyDown=${toWords} />
      <span class="length">${isFixed ? (index < from.sung ? 'kept' : 'not sung') : seconds ? `≈ ${Math.round(seconds)} s` : ''}</span>
      ${from ? null : html`<button type="button" class="remove" aria-label=${`Remove ${name}`} title=${`Remove ${name}`}
        onClick=${() => removeCard(card.key)}><${Icon} name="close" /></button>`}
    </header>
    <${Words} card=${card} label=${`Words of ${name}, ${place}`} isFixed=${isFixed} />
  </article>`;
}

/** Moves a card to the place of each card whose middle the pointer passes. @param {PointerEvent} event @param {number} key */
function drag(event, key) {
  // The cards move in the document, which would release a pointer that one of them captured, so the section captures it.
  const scope = /** @type {HTMLElement} */ (/** @type {HTMLElement} */ (event.currentTarget).closest('.words-section'));
  const follow = (/** @type {PointerEvent} */ { clientY }) => {
    const middles = [...scope.querySelectorAll('.card')].map((card) => card.getBoundingClientRect()).map((box) => box.top + box.height / 2);
    const from = cards.value.findIndex((card) => card.key === key);
    const above = middles.findIndex((middle, index) => index < from && clientY < middle);
    const to = above >= 0 ? above : middles.findLastIndex((middle, index) => index > from && clientY > middle);
    if (to >= 0) {
      moveCard(key, to);
      requestAnimationFrame(() => scope.querySelector('.dragged')?.scrollIntoView({ block: 'nearest' }));
    }
  };
  scope.setPointerCapture(event.pointerId);
  dragged.value = key;
  scope.addEventListener('pointermove', follow);
  scope.addEventListener('lostpointercapture', () => {
    dragged.value = 0;
    scope.removeEventListener('pointermove', follow);
  }, { once: true });
}

/** @param {{ card: Card, label: string, isFixed: boolean }} props */
function Words({ card, label, isFixed }) {
  // An empty section is not finished yet, so findings are not shown.
  const findings = isFixed || card.text.trim() === '' ? [] : findingsOf(card);
  const isMissing = needsWords.value && cardWithoutWords.value?.key === card.key;
  return html`<div class="grow"><div class="mirror" aria-hidden="true">${marked(card.text, findings)}${'\u200b'}</div>
    <textarea id=${`words-${card.key}`} aria-label=${label} placeholder="Words to sing" readonly=${isFixed} value=${card.text}
      aria-invalid=${isMissing ? 'true' : undefined} aria-describedby=${describedBy(findings, card.key)}
      onInput=${(/** @type {any} */ event) => changeCard(card.key, { text: event.target.value })}></textarea></div>
    ${isMissing ? html`<${MissingWords} />` : null}
    <${Findings} id=${`findings-${card.key}`} text=${card.text} findings=${findings}
      onChange=${(/** @type {Change} */ change) => changeWords(card.key, change)} />`;
}

/** Returns the words with marks at the findings. @param {string} text @param {Finding[]} findings */
function marked(text, findings) {
  const pieces = [];
  let at = 0;
  for (const { start, end } of [...findings].sort((a, b) => a.start - b.start)) {
    if (start >= at && end > start) {
      pieces.push(text.slice(at, start), html`<mark>${text.slice(start, end)}</mark>`);
      at = end;
    }
  }

  return [...pieces, text.slice(at)];
}

/**
 * @param {{ id: string, text: string, findings: Finding[], onChange: (change: Change) => void, onGo?: (finding: Finding) => void }} props
 */
function Findings({ id, text, findings, onChange, onGo }) {
  return findings.length === 0 ? null : html`<ul class="findings" id=${id}>${findings.map((finding) => html`<${Remark}
    key=${`${finding.code}:${finding.start}`} text=${text} finding=${finding} onChange=${onChange} onGo=${onGo} />`)}</ul>`;
}

/** @param {{ text: string, finding: Finding, onChange: (change: Change) => void, onGo?: (finding: Finding) => void }} props */
function Remark({ text, finding, onChange, onGo }) {
  const found = text.slice(finding.start, finding.end);
  const times = RepeatMark.exec(found);
  const number = Number(times?.[1] ?? times?.[2] ?? 0);
  const line = text.slice(0, finding.start).split('\n').length;
  const canGo = found !== '' && Removable.includes(finding.code);
  return html`<li class="finding"><span>${onGo ? html`<button type="button" class="link"
      onClick=${() => onGo(finding)}>Line ${line}</button>: ` : null}${plain(finding.message)}</span>${number > 1
    ? html`<button type="button" class="link" onClick=${() => onChange(() => repeated(text, finding, number))}>Repeat the line</button>`
    : canGo ? html`<button type="button" class="link" onClick=${() => takeOut(text, finding, onChange)}>Remove it</button>` : null}</li>`;
}

/** Removes words; this can be undone. @param {string} text @param {Finding} finding @param {(change: Change) => void} onChange */
function takeOut(text, finding, onChange) {
  const before = text.slice(0, finding.start).replace(/[ \t]+$/, '');
  const taken = text.slice(before.length, finding.end);
  onChange(() => (before + text.slice(finding.end)).replace(/\n{2,}$/, '\n').trimEnd());
  showToast({ text: `Removed “${short(taken.trim(), 30)}”`, action: 'Undo',
    // Words written in the meantime are kept.
    run: () => onChange((now) => (now.startsWith(before) ? before + taken + now.slice(before.length) : `${now}\n${taken.trim()}`)) });
}

/** Returns a message without the name of the field that it is shown next to. @param {string} message */
export function plain(message) {
  const text = message.replace(/^(lyrics|genre): /, '');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Replaces a repeat mark with repetitions of its line. @param {string} text @param {Finding} finding @param {number} times */
function repeated(text, finding, times) {
  const before = text.slice(0, finding.start).trimEnd();
  const start = before.lastIndexOf('\n') + 1;
  const line = before.slice(start).trim();
  const [rest] = text.slice(finding.end).split('\n');
  const lines = [...Array(times).fill(line), ...(rest.trim() ? [rest.trim()] : [])];
  return before.slice(0, start) + lines.join('\n') + text.slice(finding.end + rest.length);
}
