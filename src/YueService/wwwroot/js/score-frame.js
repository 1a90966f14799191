// Draws scores with abcjs in a sandboxed frame, because abcjs needs inline styles, which the studio's policy forbids, and because a score
// may contain anything.

/** The width of a line in abcjs units; the drawing is scaled to the frame. */
const LineWidth = 740;
/** The maximum number of warnings that are reported. */
const MaxWarnings = 100;

const notes = /** @type {HTMLElement} */ (document.getElementById('notes'));

/** Draws a score and returns the warnings of abcjs about it. @param {string} abc */
function drawScore(abc) {
  try {
    const [tune] = ABCJS.renderAbc(notes, withSections(abc),
      { staffwidth: LineWidth, responsive: 'resize', selectTypes: false, ariaLabel: 'Notes' });
    const warnings = (tune?.warnings ?? []).slice(0, MaxWarnings).map(plainWarning);
    return { warnings, hasNotes: tune?.lines.some(({ staff }) => staff) ?? false };
  } catch (error) {
    notes.replaceChildren();
    return { warnings: [`The notes cannot be drawn: ${error}`], hasNotes: false };
  }
}

/** Returns a score whose sections have names. The model writes the names as comments, which are not drawn. @param {string} abc */
function withSections(abc) {
  const body = abc.search(/^K:/m);
  return body < 0 ? abc : abc.slice(0, body) + abc.slice(body).replace(/^% *(\p{L}[\p{L}\d ()-]{0,40})$/gmu, 'P:$1');
}

/** Returns a warning without its markup and without the line of the score that it repeats. @param {string} warning */
function plainWarning(warning) {
  const text = new DOMParser().parseFromString(warning, 'text/html').body.textContent ?? '';
  const [, line, place, problem] = text.match(/^Music Line:(\d+):(\d+): ([^:]+):/s) ?? [];
  return line ? `Line ${line}, character ${place}: ${problem}` : text.slice(0, 200);
}

/** Returns the score as a MIDI file; null if it cannot be converted. @param {string} abc @returns {Uint8Array | null} */
function midiOf(abc) {
  try {
    return ABCJS.synth.getMidiFile(abc, { midiOutputType: 'binary' })[0] ?? null;
  } catch {
    return null;
  }
}

addEventListener('message', ({ source, data }) => {
  if (source !== parent || typeof data !== 'object') {
    return;
  }

  if (typeof data.theme === 'string') {
    document.documentElement.dataset.theme = data.theme;
  }

  if (typeof data.abc === 'string') {
    const answer = data.wanted === 'midi' ? { midi: midiOf(data.abc) } : drawScore(data.abc);
    parent.postMessage({ number: data.number, ...answer }, '*');
  }
});

new ResizeObserver(() => parent.postMessage({ height: notes.getBoundingClientRect().height }, '*')).observe(notes, { box: 'border-box' });
