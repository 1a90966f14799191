// Keeps every message until a test closes it, as if the pointer were over it: on a loaded machine, ten seconds are too short for a test.
new MutationObserver(() => document.querySelector('.toast')?.dispatchEvent(new PointerEvent('pointerenter')))
  .observe(document, { childList: true, subtree: true, characterData: true });
