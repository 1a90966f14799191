// The score of a song in ABC notation: its notes, its text, and the editor in the form.
import { signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { open as openRequest } from './drafts.js';
import { faultsOf, fields, freshSeed, setField } from './form.js';
import { hasSound } from './jobs.js';
import { check, plain, Remarks, remarksOn } from './lyrics.js';
import { count, html, Icon, showToast, tab, theme } from './ui.js';
import { singAgain } from './write.js';

/** @typedef {import('./types').Job} Job */
/** @typedef {{ warnings: string[], hasNotes: boolean }} Drawing The frame's response to a score. */

/** The maximum time for the frame to draw a score, in milliseconds. */
const Patience = 20_000;
/** The time without typing after which a changed score is drawn, in milliseconds. */
const DrawDelay = 300;
/** The smallest and the largest height of the frame in pixels; taller scores scroll. */
const [MinHeight, MaxHeight] = [90, 440];
/** The maximum length, in characters, of a score that is drawn. This is also the service's limit. */
const MaxCharacters = 60_000;
const ShownWarnings = 5;

const Plans = [['full', 'Melody and chords'], ['melody', 'Only the melody'], ['off', 'No score']];

/** True if the user is writing a score, even if the text is empty. */
const isWriting = signal(false);

let asked = 0;

/** Sends a request to the frame that draws scores.
 * @param {HTMLIFrameElement | null} frame
 * @param {{ abc: string, wanted?: 'midi', theme?: string }} request
 * @returns {Promise<any>} The response; null if none arrives in time.
 */
function ask(frame, request) {
  const number = ++asked;
  return new Promise((resolve) => {
    const end = (/** @type {any} */ answer) => {
      clearTimeout(timer);
      removeEventListener('message', hear);
      resolve(answer);
    };
    const hear = (/** @type {MessageEvent} */ { source, data }) => {
      if (source === frame?.contentWindow && data?.number === number) {
        end(data);
      }
    };
    const timer = window.setTimeout(() => end(null), Patience);
    addEventListener('message', hear);
    // A sandboxed frame has no origin that could be given as the target.
    frame?.contentWindow?.postMessage({ number, ...request }, '*');
  });
}

/**
 * The notes of a score. They are drawn in a separate frame; if the frame does not respond, it is removed.
 * @param {{ abc: string, frame: { current: HTMLIFrameElement | null },
 *   drawing: import('@preact/signals').Signal<Drawing | null> }} props
 */
function Notes({ abc, frame, drawing }) {
  const isLoaded = useSignal(false);
  const height = useSignal(MinHeight);
  const failed = useSignal('');
  const isDrawable = abc.length <= MaxCharacters && failed.value !== abc;
  useEffect(() => {
    if (!isDrawable) {
      isLoaded.value = false;
    }

    if (!isLoaded.value) {
      return undefined;
    }

    let isCurrent = true;
    const timer = window.setTimeout(async () => {
      const answer = await ask(frame.current, { abc, theme: theme.value });
      if (isCurrent && answer) {
        drawing.value = answer;
      } else if (isCurrent) {
        failed.value = abc;
        drawing.value = { warnings: ['The notes cannot be drawn: drawing took too long.'], hasNotes: false };
      }
    }, drawing.value === null ? 0 : DrawDelay);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [abc, isLoaded.value, isDrawable]);
  useEffect(() => frame.current?.contentWindow?.postMessage({ theme: theme.value }, '*'), [theme.value]);
  useEffect(() => {
    const hear = (/** @type {MessageEvent} */ { source, data }) => {
      if (frame.current && source === frame.current.contentWindow && typeof data?.height === 'number') {
        height.value = Math.min(MaxHeight, Math.max(MinHeight, Math.ceil(data.height)));
      }
    };
    addEventListener('message', hear);
    return () => removeEventListener('message', hear);
  }, []);
  return html`${isDrawable ? html`<iframe class="notes" title="Notes of the score" src="./score.html" sandbox="allow-scripts" loading="lazy"
      ref=${frame} style=${{ height: `${height.value}px` }} onLoad=${() => { isLoaded.value = true; }}></iframe>` : null}
    <${Warnings} texts=${abc.length > MaxCharacters ? ['The score is too long to be drawn.'] : drawing.value?.warnings ?? []} />`;
}

/** @param {{ texts: string[] }} props */
function Warnings({ texts }) {
  const rest = texts.length - ShownWarnings;
  return html`<${Remarks} id="score-warnings" texts=${[...new Set(texts.slice(0, ShownWarnings)),
    ...(rest > 0 ? [`And ${count(rest, 'more warning')}.`] : [])]} />`;
}

/** The score of a song. @param {{ job: Job, abc: string }} props */
export function SongScore({ job, abc }) {
  const frame = useRef(/** @type {HTMLIFrameElement | null} */ (null));
  const drawing = useSignal(/** @type {Drawing | null} */ (null));
  const isText = useSignal(false);
  const hasNotes = drawing.value?.hasNotes ?? false;
  const isUnclear = abc.length > MaxCharacters || (drawing.value !== null && (!hasNotes || drawing.value.warnings.length > 0));
  return html`<section class="score" aria-labelledby="score-title">
    <div class="heading"><h2 id="score-title">Score</h2><span class="score-tools">
      ${hasSound(job) || !job.song ? null : html`<button type="button" class="button strong"
        onClick=${() => singScore(job, abc)}>Sing this score</button>`}
      <button type="button" class="quiet" onClick=${() => editScore(job, abc)}>Edit score</button>
      <button type="button" class="quiet" disabled=${!hasNotes} aria-label="Download MIDI" title="Download MIDI"
        onClick=${() => saveMidi(frame.current, abc, job.title)}><${Icon} name="save" />MIDI</button>
      <button type="button" class="quiet" aria-pressed=${isText.value} title="The score in ABC notation"
        onClick=${() => { isText.value = !isText.value; }}>As text</button></span></div>
    <${Notes} abc=${abc} frame=${frame} drawing=${drawing} />
    ${isText.value || isUnclear ? html`<pre class="abc" tabindex="0" aria-label="Score in ABC notation">${abc}</pre>` : null}
  </section>`;
}

/** Sings a score as it is. @param {Job} job @param {string} abc */
function singScore(job, abc) {
  singAgain({ ...job.request, stage: 'full', score: abc, seed: freshSeed() });
}

/** Opens a song's request with its score in the form. @param {Job} job @param {string} abc */
function editScore(job, abc) {
  openRequest({ ...job.request, stage: undefined, score: abc, seed: undefined });
  tab.value = 'write';
  focusText();
}

function focusText() {
  requestAnimationFrame(() => requestAnimationFrame(() => document.getElementById('score-text')?.focus()));
}

/** Saves a score as a MIDI file. @param {HTMLIFrameElement | null} frame @param {string} abc @param {string} title */
async function saveMidi(frame, abc, title) {
  const answer = await ask(frame, { abc, wanted: 'midi' });
  if (!(answer?.midi instanceof Uint8Array)) {
    showToast({ text: 'This score cannot be converted to MIDI.' });
    return;
  }

  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([answer.midi], { type: 'audio/midi' }));
  link.download = `${title}.mid`;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), Patience);
}

/** The form's part for scores: the kind of score that the model writes, and an editor for the user's own score. */
export function ScoreCard() {
  const abc = fields.value.score ?? '';
  const isOpen = isWriting.value || abc !== '';
  const plan = fields.value.plan ?? 'full';
  const plans = Plans.filter(([value]) => value !== 'off' || abc === '' || plan === 'off');
  const refused = [...faultsOf('score'), ...faultsOf('plan')];
  const faults = [...new Set([...refused, ...(abc === '' ? [] : check.value?.errors.score ?? [])])].map(plain);
  return html`<section class="score-section" aria-labelledby="own-score-title">
    <div class="heading"><h2 id="own-score-title">Score</h2>
      <select class="plan" aria-label="Kind of score" value=${plan} aria-invalid=${faultsOf('plan').length > 0 ? 'true' : undefined}
        onChange=${(/** @type {any} */ event) => setField('plan', event.target.value)}>${plans.map(([value, label]) => html`<option
          key=${value} value=${value}>${label}</option>`)}</select></div>
    ${isOpen ? html`<${Editor} abc=${abc} isFaulty=${faults.length > 0} />` : html`<button type="button" class="add"
      title="By default, the model writes the score" onClick=${startWriting}>+ Write or paste a score (ABC)</button>`}
    ${faults.length > 0 ? html`<p class="fault" id="score-fault" role="alert">${faults.join(' ')}</p>` : null}
  </section>`;
}

function startWriting() {
  isWriting.value = true;
  focusText();
}

/** @param {{ abc: string, isFaulty: boolean }} props */
function Editor({ abc, isFaulty }) {
  const frame = useRef(/** @type {HTMLIFrameElement | null} */ (null));
  const drawing = useSignal(/** @type {Drawing | null} */ (null));
  const type = (/** @type {string} */ text) => {
    isWriting.value = true;
    setField('score', text);
  };
  const remove = () => {
    isWriting.value = false;
    setField('score', null);
  };
  return html`<div class="card score-card">
    <textarea id="score-text" name="score" aria-label="Score in ABC notation" rows="10" spellcheck="false" wrap="off"
      placeholder=${'X:1\nM:4/4\nL:1/8\nK:C\nC2E2G2c2|'} value=${abc} aria-invalid=${isFaulty ? 'true' : undefined}
      aria-describedby=${isFaulty ? 'score-fault' : undefined}
      onInput=${(/** @type {any} */ event) => type(event.target.value)}></textarea>
    ${abc.trim() === '' ? null : html`<${Notes} abc=${abc} frame=${frame} drawing=${drawing} />`}
    <${Remarks} id="score-remarks" texts=${abc === '' ? [] : remarksOn('score')} />
    <button type="button" class="quiet" onClick=${remove}>Let the model write the score</button>
  </div>`;
}
