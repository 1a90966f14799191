// The frame of the page: top bar, tabs on phones, player, messages.
import { effect } from '@preact/signals';
import { render } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { isSignedIn, locked, reachable, signOut } from './api.js';
import { announcement, busy, current, hasSound, health, isUnfinished, jobs, refresh, show } from './jobs.js';
import { Library } from './library.js';
import { close, hasEnded, isPlaying, isWaiting, open, play, playingId, position, seek, toggle } from './player.js';
import { blocksOf, Song, switchTake, takesOf } from './song.js';
import { trackOf } from './sound.js';
import { clock, closeToast, holdToast, html, Icon, resumeToast, showToast, spoken, store, tab, theme, toast, undoToast } from './ui.js';
import { Write } from './write.js';

const Tabs = [['write', 'Write'], ['song', 'Song'], ['library', 'Library']];
const Themes = { '': 'system', light: 'light', dark: 'dark' };

function App() {
  return html`<${TopBar} />
    <${TabBar} />
    <div class=${`panels show-${tab.value}`}><${Write} /><${Song} /><${Library} /></div>
    <${PlayerBar} />
    <${Message} />
    <div class="sr" role="status" aria-live="polite">${announcement.value}</div>`;
}

function TopBar() {
  const state = health.value;
  const { running, depth } = busy.value;
  const names = Object.keys(Themes);
  const next = names[(names.indexOf(theme.value) + 1) % names.length];
  const model = state?.demo ? 'demo model' : state?.models?.find((entry) => entry.role === 'stage1')?.name;
  return html`<header class="top">
    <a class="brand" href="./" aria-label="Yue studio">Yue<i>.</i>studio</a>
    ${state ? html`<span class="pill device"><span class=${`dot ${state.state}`}></span>
      ${[model, state.device === 'cpu' ? 'on the CPU' : state.device].filter(Boolean).join(' · ')}</span>` : null}
    <span class="grow"></span>
    ${!reachable.value ? html`<span class="pill off">Reconnecting …</span>`
    : running + depth > 0 ? html`<span class="pill">${[running ? `${running} singing` : '', depth ? `${depth} waiting` : '']
      .filter(Boolean).join(' · ')}</span>` : null}
    <button type="button" class="round" aria-label=${`Colors: ${Themes[/** @type {''} */ (theme.value)]}`}
      title=${`Colors: ${Themes[/** @type {''} */ (theme.value)]}`} onClick=${() => { theme.value = next; }}><${Icon}
        name="theme" /></button>
    <button type="button" class="round" aria-label="Help" title="Help" onClick=${() => dialog('openHelp')}>?</button>
    ${isSignedIn.value && !locked.value ? html`<button type="button" class="quiet sign-out" title="Sign out" onClick=${leave}><${Icon}
      name="out" /><span>Sign out</span></button>` : null}
  </header>`;
}

/** Signs out and removes the songs from the page. */
async function leave() {
  closeToast();
  try {
    await signOut();
    location.replace(location.pathname);
  } catch {
    showToast({ text: 'You are still signed in: the service is not responding.' });
  }
}

function TabBar() {
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step !== 0) {
      const at = Tabs.findIndex(([name]) => name === tab.value);
      tab.value = Tabs[(at + step + Tabs.length) % Tabs.length][0];
      requestAnimationFrame(() => /** @type {HTMLElement | null} */ (document.querySelector('.tabs [aria-selected=true]'))?.focus());
    }
  };
  return html`<div class="tabs" role="tablist" aria-label="Parts of the page" onKeyDown=${keys}>${Tabs.map(([name, label]) => html`<button
    type="button" role="tab" key=${name}
    aria-selected=${tab.value === name} aria-controls=${name} tabindex=${tab.value === name ? 0 : -1}
      onClick=${() => { tab.value = name; }}>${label}</button>`)}</div>`;
}

/** Returns true for a song that has sound or will have it. @param {import('./types').Job} job */
function canPlay(job) {
  return hasSound(job) && (job.state === 'succeeded' || isUnfinished(job));
}

function PlayerBar() {
  const job = jobs.value.get(playingId.value) ?? current.value;
  const id = playingId.value || job?.id || '';
  const track = id ? trackOf(id, 'mix') : null;
  const isOpen = playingId.value !== '';
  const arrived = track ? (track.arrived.value, track.seconds) : 0;
  const ready = Math.max(arrived, job?.song?.duration_seconds ?? 0);
  const blocks = job?.request ? blocksOf(job) : [];
  const length = track?.isWhole ? ready : Math.max(job?.song?.duration_seconds ?? 0, ready,
    blocks.reduce((sum, block) => sum + block.seconds, 0), 0.1);
  const at = isOpen ? position.value : 0;
  const section = blocks.find((block) => at >= block.start && at < block.start + block.seconds);
  const isPlayable = job !== null && canPlay(job);
  const press = () => {
    if (isOpen) {
      toggle();
    } else if (id) {
      open(id, { play: true });
    }
  };
  const label = isPlaying.value ? 'Pause' : 'Play';
  return html`<footer class="player" aria-label="Player">
    <button type="button" class="play" aria-label=${label} title=${`${label} (space)`} disabled=${!isPlayable} onClick=${press}><${Icon}
      name=${isPlaying.value ? 'pause' : 'play'} /></button>
    <span class="num">${clock(at)}</span>
    <div class="position">
      <div class="bar" style=${{ '--ready': `${Math.min(100, ready / length * 100)}%`,
        '--at': `${Math.min(100, at / length * 100)}%` }}></div>
      <input type="range" min="0" max=${length} step="0.1" value=${at} disabled=${!isPlayable} aria-label="Position"
        aria-valuetext=${`${spoken(at)} of ${spoken(length)}`}
        onInput=${(/** @type {any} */ event) => { if (!isOpen) { open(id); } seek(Number(event.target.value)); }} /></div>
    <span class="num end">${isWaiting.value ? 'being written …'
      : track && !track.isWhole && job?.state === 'running' ? `${clock(ready)} ready`
      : clock(track?.isWhole || job?.song ? length : 0)}</span>
    ${job ? html`<button type="button" class="now-title" onClick=${() => { show(job.id); tab.value = 'song'; }}>
      <b>${job.title}</b><span>${isOpen && section ? section.tag : job.genre}</span></button>` : html`<span class="now-title"></span>`}
  </footer>`;
}

function Message() {
  const message = toast.value;
  const action = useRef(/** @type {HTMLButtonElement | null} */ (null));
  useEffect(() => {
    // If the focused element was removed, for example with a deleted song, the action gets the focus, so that key presses reach it.
    if (message?.isByKey && document.activeElement === document.body) {
      action.current?.focus();
    }
  }, [message]);
  return message ? html`<div class="toast" onPointerEnter=${holdToast} onPointerLeave=${resumeToast} onFocusIn=${holdToast}
    onFocusOut=${resumeToast}><span role="alert">${message.text}</span>
    ${message.action ? html`<button type="button" class="link" ref=${action} onClick=${undoToast}>${message.action}</button>` : null}
    <button type="button" class="quiet" aria-label="Close the message" onClick=${closeToast}><${Icon}
      name="close" /></button></div>` : null;
}

/** Shows a dialog; its code is loaded when it is first needed. @param {'openHelp' | 'openSignIn'} name */
async function dialog(name) {
  const dialogs = await import('./dialogs.js');
  dialogs[name]();
}

document.addEventListener('keydown', (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const isTyping = target.closest('input:not([type=range]), textarea, select, button, summary, a, dialog, [role=slider]');
  if (event.key === ' ' && !isTyping) {
    event.preventDefault();
    if (playingId.value) {
      toggle();
    } else if (current.value && hasSound(current.value)) {
      open(current.value.id);
      play();
    }
  } else if (/^[1-9]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey
    && !target.closest('input, textarea, select, dialog')) {
    const take = current.value ? takesOf(current.value)[Number(event.key) - 1] : undefined;
    if (take) {
      switchTake(take);
    }
  }
});

effect(() => {
  document.documentElement.dataset.theme = theme.value;
  store('theme', theme.value);
});

effect(() => {
  if (locked.value) {
    dialog('openSignIn');
  }
});

// When a song has been played to its end, the player changes to the song that is shown.
effect(() => {
  if (hasEnded.value && current.value && current.value.id !== playingId.value && canPlay(current.value)) {
    close();
  }
});

// Signing in or out in another tab applies to all tabs.
addEventListener('storage', (event) => {
  if (event.key === 'yue.signed-in' && event.newValue === null) {
    location.replace(location.pathname);
  } else if (event.key === 'yue.signed-in') {
    isSignedIn.value = true;
    locked.value = false;
    refresh();
  }
});

addEventListener('hashchange', () => show(new URLSearchParams(location.hash.slice(1)).get('song') ?? ''));
render(html`<${App} />`, document.body);
refresh();
