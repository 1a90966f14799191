// Helpers for all parts of the page: markup, text, menus, messages.
import htm from 'htm';
import { h } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { signal, useSignal } from '@preact/signals';

export const html = htm.bind(h);

/** @typedef {{ text: string, action?: string, run?: () => void, done?: () => void }} Toast */

/** The message at the bottom of the page; null without one. `isByKey` is true if the user is using the keyboard.
 * @type {import('@preact/signals').Signal<Toast & { isByKey: boolean } | null>}
 */
export const toast = signal(null);

/** The chosen colors: dark or light; empty follows the system. */
export const theme = signal(stored('theme') ?? '');

/** The panel that is shown on phones. */
export const tab = signal(location.hash.includes('song=') ? 'song' : 'write');

const ToastSeconds = 10;
let toastTimer = 0;

/** Shows a message. When it disappears, `done` is called, unless the user chose its action.
 * @param {Toast} message
 */
export function showToast(message) {
  closeToast();
  toast.value = { ...message, isByKey: document.activeElement?.matches(':focus-visible') ?? false };
  resumeToast();
}

/** Keeps the message while the user is reading it. */
export function holdToast() {
  clearTimeout(toastTimer);
}

/** Removes the message after a while. */
export function resumeToast() {
  clearTimeout(toastTimer);
  toastTimer = window.setTimeout(closeToast, ToastSeconds * 1000);
}

/** Removes the message and calls its `done`. */
export function closeToast() {
  clearTimeout(toastTimer);
  const last = toast.value;
  toast.value = null;
  last?.done?.();
}

/** Runs the message's action instead of its `done`. */
export function undoToast() {
  clearTimeout(toastTimer);
  const last = toast.value;
  toast.value = null;
  last?.run?.();
}

/** Returns a value from the browser's storage; null if there is none, or if storage is not allowed.
 * @param {string} name
 * @param {'local' | 'session'} [where] In a session, each tab has its own values.
 */
export function stored(name, where = 'local') {
  try {
    return storage(where).getItem(`yue.${name}`);
  } catch {
    return null;
  }
}

/** Stores a value in the browser.
 * @param {string} name
 * @param {string | null} value Null removes it.
 * @param {'local' | 'session'} [where]
 */
export function store(name, value, where = 'local') {
  try {
    if (value === null) {
      storage(where).removeItem(`yue.${name}`);
    } else {
      storage(where).setItem(`yue.${name}`, value);
    }
  } catch {
    // The page works without storage, but does not remember values.
  }
}

/** @param {'local' | 'session'} where */
function storage(where) {
  return where === 'local' ? localStorage : sessionStorage;
}

/** Returns text cut to a maximum length, for places that cannot show a long title.
 * @param {string} text
 * @param {number} [max]
 */
export function short(text, max = 48) {
  return text.length <= max ? text : `${text.slice(0, max - 1).trimEnd()}…`;
}

/** Returns minutes and seconds, as in 1:05. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 0.001));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** Returns a rounded duration, as in "2 min". @param {number} seconds */
export function roughly(seconds) {
  if (seconds < 90) {
    return `${Math.max(1, Math.round(seconds))} s`;
  }

  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** Returns a time for screen readers. @param {number} seconds */
export function spoken(seconds) {
  const whole = Math.floor(seconds);
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
  return minutes > 0 ? `${count(minutes, 'minute')} ${count(rest, 'second')}` : count(rest, 'second');
}

/**
 * @param {number} number
 * @param {string} noun
 */
export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

const DateFormats = /** @type {const} */ ({
  time: { hour: '2-digit', minute: '2-digit' },
  weekday: { weekday: 'long' },
  day: { day: 'numeric', month: 'short', year: 'numeric' },
});

/** Formatters are kept, because creating one takes far longer than using it. @type {Map<string, Intl.DateTimeFormat>} */
const formatters = new Map();

/** @param {Date} date @param {keyof typeof DateFormats} kind */
function format(date, kind) {
  const formatter = formatters.get(kind) ?? new Intl.DateTimeFormat('en-GB', DateFormats[kind]);
  formatters.set(kind, formatter);
  return formatter.format(date);
}

/** Describes when something happened, as in "yesterday". @param {string} time */
export function since(time) {
  const then = new Date(time);
  const days = Math.floor((startOfDay(new Date()) - startOfDay(then)) / 86_400_000);
  return days === 1 ? 'yesterday' : format(then, days <= 0 ? 'time' : days < 7 ? 'weekday' : 'day');
}

/** @param {Date} date */
function startOfDay(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** Returns a unique identifier. `crypto.randomUUID` exists only on https and localhost. */
export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Copies text, even if the clipboard API is not available, for example over plain http. @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }

  showToast({ text: 'Copied' });
}

const Icons = {
  play: 'M5 3.5v9l7.5-4.5z',
  pause: 'M4.5 3h2.4v10H4.5zM9.1 3h2.4v10H9.1z',
  star: 'M8 1.8l1.9 3.9 4.3.6-3.1 3 .7 4.3L8 11.6l-3.8 2 .7-4.3-3.1-3 4.3-.6z',
  more: 'M3.2 6.8h2.4v2.4H3.2zM6.8 6.8h2.4v2.4H6.8zM10.4 6.8h2.4v2.4h-2.4z',
  close: 'M4 5l1-1 3 3 3-3 1 1-3 3 3 3-1 1-3-3-3 3-1-1 3-3z',
  theme: 'M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12zM8 3.3v9.4a4.7 4.7 0 0 0 0-9.4z',
  save: 'M7.2 2h1.6v5.6l2.1-2 1.1 1.1L8 10.8 4 6.7l1.1-1.1 2.1 2zM3 12.2h10v1.6H3z',
  out: 'M2.5 2.5h6V4H4v8h4.5v1.5h-6zM10.4 4.6L13.8 8l-3.4 3.4-1-1 1.6-1.7H6.5V7.3H11L9.4 5.6z',
  down: 'M4 6.2l1-1 3 3 3-3 1 1-4 4z',
  grip: 'M5.2 3h1.8v1.8H5.2zM9 3h1.8v1.8H9zM5.2 7.1h1.8v1.8H5.2zM9 7.1h1.8v1.8H9zM5.2 11.2h1.8V13H5.2zM9 11.2h1.8V13H9z',
};

/** @param {{ name: keyof typeof Icons }} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${Icons[name]} fill-rule="evenodd" /></svg>`;
}

/** Opens a list upward if it would be cut off below and there is more room above. @param {HTMLElement} menu */
function makeRoom(menu) {
  const [button, list] = [menu.getBoundingClientRect(), /** @type {HTMLElement} */ (menu.querySelector('ul')).getBoundingClientRect()];
  const room = menu.closest('.list, .unsung, .scroll, .song')?.getBoundingClientRect() ?? document.body.getBoundingClientRect();
  menu.toggleAttribute('data-up', list.height > room.bottom - button.bottom && button.top - room.top > room.bottom - button.bottom);
}

/** @typedef {{ label: string, run?: () => void, href?: string, hint?: string }} MenuItem */

/**
 * A button that opens a list of actions.
 * @param {{ label: any, name: string, items: (MenuItem | null)[], kind?: string }} props
 */
export function Menu({ label, name, items, kind = 'button' }) {
  const isOpen = useSignal(false);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const entries = () => /** @type {HTMLElement[]} */ ([...(box.current?.querySelectorAll('[role=menuitem]') ?? [])]);
  const close = () => {
    isOpen.value = false;
    box.current?.querySelector('button')?.focus();
  };
  // The first entry gets the focus immediately, so that arrow keys pressed right after the menu opens move within it.
  useLayoutEffect(() => {
    if (isOpen.value) {
      makeRoom(/** @type {HTMLElement} */ (box.current));
      entries()[0]?.focus();
    }
  }, [isOpen.value]);
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (event.key === 'Escape' && isOpen.value) {
      close();
    } else if (step !== 0 && isOpen.value) {
      const list = entries();
      const at = list.indexOf(/** @type {HTMLElement} */ (document.activeElement));
      list[(at + step + list.length) % list.length]?.focus();
    } else if (step !== 0) {
      isOpen.value = true;
    } else {
      return;
    }

    event.preventDefault();
    event.stopPropagation();
  };
  const leave = (/** @type {FocusEvent} */ event) => {
    if (!box.current?.contains(/** @type {Node | null} */ (event.relatedTarget))) {
      isOpen.value = false;
    }
  };
  return html`<div class="menu" ref=${box} data-open=${isOpen.value ? '' : undefined} onKeyDown=${keys} onFocusOut=${leave}>
    <button type="button" class=${kind} aria-haspopup="menu" aria-expanded=${isOpen.value} aria-label=${name} title=${name}
      onClick=${() => { isOpen.value = !isOpen.value; }}>${label}</button>
    ${isOpen.value ? html`<ul role="menu" aria-label=${name}>${items.filter((item) => item !== null).map((item, index) => html`<li
      key=${index} role="none">${item.href
      ? html`<a role="menuitem" tabindex="-1" href=${item.href} download
        onClick=${close}>${item.label}${item.hint ? html`<small>${item.hint}</small>` : null}</a>`
      : html`<button type="button" role="menuitem" tabindex="-1"
        onClick=${() => { close(); item.run?.(); }}>${item.label}
          ${item.hint ? html`<small>${item.hint}</small>` : null}</button>`}</li>`)}</ul>` : null}
  </div>`;
}
