// Keeps every message until a test closes it, as if the pointer were over it. Otherwise, messages close after ten seconds, which is too
// short for a test on a loaded machine.
new MutationObserver(() => document.querySelector('.toast')?.dispatchEvent(new PointerEvent('pointerenter')))
  .observe(document, { childList: true, subtree: true, characterData: true });
