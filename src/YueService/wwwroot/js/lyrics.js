// The lyrics as cards, one for each section, or as one text.
import { signal } from '@preact/signals';
import { addCard, asText, cards, changeCard, faults, findingsOf, lyrics,
  moveCard, remake, removeCard, secondsOf, setLyrics } from './form.js';
import { html, Icon } from './ui.js';

/** @typedef {import('./form.js').Card} Card */
/** @typedef {import('./form.js').Finding} Finding */

const RepeatMark = /^[[(（【]\s*(?:[x×]\s*(\d)|(\d)\s*[x×])\s*[\])）】]$/i;
/** The kinds of findings that go away with the text that they are about. */
const Removable = [
  'note', 'bracket_in_words', 'invisible_character', 'control_character', 'time_stamp', 'file_line', 'sung_as_words',
];
const Tags = ['verse', 'chorus', 'bridge', 'prechorus', 'intro', 'outro', 'interlude', 'instrumental', 'solo', 'break'];

/** The card that is dragged; 0 for none. */
const dragged = signal(0);

export function Lyrics() {
  const errors = faults.value.lyrics;
  return html`<section class="words-section" aria-labelledby="lyrics-title">
    <div class="heading"><h2 id="lyrics-title">Lyrics</h2>
      <button type="button" class="quiet" aria-pressed=${asText.value} disabled=${remake.value !== null}
        onClick=${() => { asText.value = !asText.value; }}>As text</button></div>
    ${asText.value && !remake.value ? html`<${PlainText} />` : html`<${Cards} />`}
    ${errors ? html`<p class="fault" id="lyrics-fault">${errors.join(' ')}</p>` : null}
  </section>`;
}

function PlainText() {
  return html`<div class="card plain">
    <div class="grow"><div class="mirror" aria-hidden="true">${lyrics.value}${'\u200b'}</div>
      <textarea name="lyrics" aria-label="Lyrics" aria-describedby=${faults.value.lyrics ? 'lyrics-fault' : undefined}
        value=${lyrics.value} onInput=${(/** @type {any} */ event) => setLyrics(event.target.value)}></textarea></div>
  </div>`;
}

function Cards() {
  return html`<datalist id="section-tags">${Tags.map((tag) => html`<option value=${tag} />`)}</datalist>
    ${cards.value.map((card, index) => html`<${CardView} key=${card.key} card=${card} index=${index} />`)}
    ${remake.value?.how === 'replace_section' ? null : html`<button type="button" class="add" onClick=${() => {
      const { key } = addCard();
      queueMicrotask(() => requestAnimationFrame(() => document.getElementById(`words-${key}`)?.focus()));
    }}>+ Add a section</button>`}`;
}

/** @param {{ card: Card, index: number }} props */
function CardView({ card, index }) {
  const from = remake.value;
  const isFixed = from !== null && (from.how === 'continue' ? index < from.sung : index !== from.section - 1);
  const name = card.written || 'verse';
  const seconds = secondsOf(card);
  const move = (/** @type {KeyboardEvent} */ event) => {
    const step = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0;
    if (event.altKey && step !== 0 && !from) {
      event.preventDefault();
      const target = /** @type {HTMLElement} */ (event.target);
      moveCard(card.key, index + step);
      requestAnimationFrame(() => target.focus());
    }
  };
  const drop = (/** @type {DragEvent} */ event) => {
    if (dragged.value) {
      event.preventDefault();
      moveCard(dragged.value, index);
    }
  };
  return html`<article class=${`card ${isFixed ? 'fixed' : ''} ${dragged.value === card.key ? 'dragged' : ''}`}
    aria-label=${`Section ${index + 1}, ${name}`}
    onKeyDown=${move} onDragOver=${drop}>
    <header>
      <button type="button" class="grip" draggable=${!from} disabled=${from !== null}
        aria-label=${`Move ${name}: drag, or Alt with the arrow keys`} title="Drag, or Alt + arrow keys"
        onDragStart=${(/** @type {DragEvent} */ event) => { dragged.value = card.key; event.dataTransfer?.setData('text/plain', name); }}
        onDragEnd=${() => { dragged.value = 0; }}><${Icon} name="grip" /></button>
      <input class="tag" list="section-tags" aria-label="Section name" value=${card.written} placeholder="verse"
        disabled=${from !== null && (isFixed || from.how !== 'continue')} autocomplete="off" maxlength="40"
        onInput=${(/** @type {any} */ event) => changeCard(card.key, { written: event.target.value.replace(/[[\]\n]/g, '') })} />
      ${isFixed ? html`<span class="length">kept</span>` : seconds ? html`<span class="length">≈ ${Math.round(seconds)} s</span>` : null}
      ${from ? null : html`<button type="button" class="remove" aria-label=${`Remove ${name}`}
        onClick=${() => removeCard(card.key)}><${Icon} name="close" /></button>`}
    </header>
    <${Words} card=${card} name=${name} isFixed=${isFixed} />
  </article>`;
}

/** @param {{ card: Card, name: string, isFixed: boolean }} props */
function Words({ card, name, isFixed }) {
  // An empty section is not finished yet: it needs no remark.
  const findings = isFixed || card.text.trim() === '' ? [] : findingsOf(card);
  return html`<div class="grow"><div class="mirror" aria-hidden="true">${marked(card.text, findings)}${'\u200b'}</div>
    <textarea id=${`words-${card.key}`} aria-label=${`Words of ${name}`} placeholder="Words to sing" readonly=${isFixed} value=${card.text}
      aria-describedby=${faults.value.lyrics ? 'lyrics-fault' : findings.length > 0 ? `findings-${card.key}` : undefined}
      onInput=${(/** @type {any} */ event) => changeCard(card.key, { text: event.target.value })}></textarea></div>
    ${findings.length > 0 ? html`<ul class="findings" id=${`findings-${card.key}`}>${findings.map((finding) => html`<${Remark}
      key=${`${finding.code}:${finding.start}`}
      card=${card} finding=${finding} />`)}</ul>` : null}`;
}

/** @param {string} text @param {Finding[]} findings Returns the words with a mark where something was found. */
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

/** @param {{ card: Card, finding: Finding }} props */
function Remark({ card, finding }) {
  const found = card.text.slice(finding.start, finding.end);
  const times = RepeatMark.exec(found);
  const number = Number(times?.[1] ?? times?.[2] ?? 0);
  const replace = (/** @type {string} */ words) => changeCard(card.key, { text: words });
  const without = (card.text.slice(0, finding.start).replace(/[ \t]+$/, '') + card.text.slice(finding.end))
    .replace(/\n{2,}$/, '\n').trimEnd();
  const canGo = found !== '' && Removable.includes(finding.code);
  return html`<li class="finding"><span>${capital(finding.message)}</span>${number > 1
    ? html`<button type="button" class="link" onClick=${() => replace(repeated(card.text, finding, number))}>Repeat the line</button>`
    : canGo ? html`<button type="button" class="link" onClick=${() => replace(without)}>Take it out</button>` : null}</li>`;
}

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param {string} text @param {Finding} finding @param {number} times Writes the line of a repeat mark as often as it says. */
function repeated(text, finding, times) {
  const before = text.slice(0, finding.start).trimEnd();
  const start = before.lastIndexOf('\n') + 1;
  const line = before.slice(start).trim();
  const rest = text.slice(finding.end).trim();
  return [before.slice(0, start) + line, ...Array(times - 1).fill(line), ...(rest ? [rest] : [])].join('\n');
}
