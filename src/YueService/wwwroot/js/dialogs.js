// The dialogs: help, and sign-in with the service's key.
import { effect } from '@preact/signals';
import { isSignedIn, locked, Problem, signIn } from './api.js';
import { refresh } from './jobs.js';

/** @param {string} html @returns {HTMLDialogElement} */
function make(html) {
  const dialog = document.createElement('dialog');
  dialog.innerHTML = html;
  document.body.append(dialog);
  dialog.addEventListener('close', () => dialog.remove());
  dialog.showModal();
  return dialog;
}

/** Shows a short introduction, the keyboard shortcuts and a link to the API's documentation. */
export function openHelp() {
  const dialog = make(`<form method="dialog"><h2>Help</h2>
    <p>Write sections of lyrics, say how they should sound, and press <b>Sing</b>. You hear the song while it is being made.
    Click a section above the waveform to sing it again, or <b>+</b> to continue the song.</p>
    <table><caption>Keys</caption>
      <tr><th scope="row"><kbd>Space</kbd></th><td>plays and pauses</td></tr>
      <tr><th scope="row"><kbd>1</kbd> – <kbd>4</kbd></th><td>switch between takes at the same position</td></tr>
      <tr><th scope="row"><kbd>←</kbd> <kbd>→</kbd></th><td>move within the song, on the waveform or in the player</td></tr>
      <tr><th scope="row"><kbd>Alt</kbd> + <kbd>↑</kbd> <kbd>↓</kbd></th><td>moves a section</td></tr>
      <tr><th scope="row"><kbd>Ctrl</kbd> + <kbd>Enter</kbd></th><td>sings the song</td></tr>
    </table>
    <p><a href="./docs">The API that this page uses</a></p>
    <button class="button strong">Close</button></form>`);
  dialog.setAttribute('aria-label', 'Help');
}

/** Asks for the service's key; the sign-in lasts for a month. */
export function openSignIn() {
  if (document.querySelector('dialog.sign-in')) {
    return;
  }

  const dialog = make(`<form><h2>Sign in</h2><p>${isSignedIn.value
    ? 'You were signed out: the session ended after a month, or the key was changed. Your words are still here.'
    : 'This service requires a key. Ask its operator for it.'}</p>
    <label class="field">Key<input type="password" name="key" autocomplete="current-password" required></label>
    <p class="fault" role="alert" hidden></p>
    <button class="primary">Sign in</button></form>`);
  dialog.className = 'sign-in';
  dialog.setAttribute('aria-label', 'Sign in');
  dialog.addEventListener('cancel', (event) => event.preventDefault());
  // The sign-in may also happen in another tab.
  const stop = effect(() => {
    if (!locked.value) {
      dialog.close();
    }
  });
  dialog.addEventListener('close', () => stop());
  const form = /** @type {HTMLFormElement} */ (dialog.querySelector('form'));
  const fault = /** @type {HTMLElement} */ (dialog.querySelector('.fault'));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      await signIn(String(new FormData(form).get('key')));
      await refresh();
    } catch (error) {
      fault.hidden = false;
      fault.textContent = error instanceof Problem && error.status === 401 ? 'This key is not valid for this service.'
        : error instanceof Problem ? error.message : 'The service is not responding.';
    }
  });
}
