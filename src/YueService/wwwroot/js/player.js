// Plays a song from the samples that have arrived, and continues when more arrive.
import { batch, computed, effect, signal } from '@preact/signals';
import { trackOf } from './sound.js';

/** @typedef {import('./sound.js').Track} Track */

/** The id of the song in the player; empty for none. */
export const playingId = signal('');

export const isPlaying = signal(false);

/** True if the player is waiting for samples that have not been made yet. */
export const isWaiting = signal(false);

/** True if the song was played to its end. */
export const hasEnded = signal(false);

/** The position in seconds. */
export const position = signal(0);

/** The mixer channels of the stems: mute, solo, and level from 0 to 1.5, where 1 is unchanged. */
export const lanes = {
  vocal: signal({ mute: false, solo: false, level: 1 }),
  instrumental: signal({ mute: false, solo: false, level: 1 }),
};

/** True if the stems are played instead of the mix. */
export const playsStems = computed(() => Object.values(lanes).some(({ value }) => value.mute || value.solo || value.level !== 1));

/** The gains in decibels that bring takes to the loudness of the quietest one for comparison, by the song's id.
 * @type {import('@preact/signals').ReadonlySignal<Map<string, number>>}
 */
export let songGains = computed(() => new Map());

/** Sets the source of the gains.
 * @param {import('@preact/signals').ReadonlySignal<Map<string, number>>} gains
 */
export function useGains(gains) {
  songGains = gains;
}

/** The lengths of finished songs in seconds, by the song's id, even if their samples are not loaded. @type {Map<string, number>} */
export const knownSeconds = new Map();

const Lookahead = 3;
const MaxPieceSeconds = 10;
/** The length of sound, in seconds, that must arrive before playback starts, or resumes after an underrun. */
const Refill = 0.4;
const Fade = 0.012;

/** @type {Map<number, AudioContext>} */
const contexts = new Map();
/** @typedef {{ track: Track, gain: GainNode, until: number }} Voice */
/** @typedef {Set<AudioBufferSourceNode>} Sources */
/** @typedef {{ context: AudioContext, out: GainNode, voices: Voice[], at: number, from: number, sources: Sources }} Run */

/** The current playback. @type {Run | null} */
let run = null;
let timer = 0;

/** Returns the track whose length is the song's length, and which shows how much of the song has arrived. */
export function mainTrack() {
  return trackOf(playingId.value, 'mix');
}

/** Loads a song into the player.
 * @param {string} id
 * @param {{ play?: boolean, at?: number }} [how]
 */
export function open(id, { play: start = false, at = 0 } = {}) {
  halt();
  batch(() => {
    playingId.value = id;
    position.value = at;
    isPlaying.value = false;
    isWaiting.value = false;
    hasEnded.value = false;
  });
  if (start) {
    play();
  }
}

/** Plays from the position, or from the beginning if the position is at the end. */
export function play() {
  if (!playingId.value) {
    return;
  }

  const track = mainTrack();
  const isFinished = knownSeconds.has(playingId.value);
  if (isFinished && !isPlaying.value) {
    // The finished file replaces the samples that arrived while the song was being made, but not during playback.
    voices().forEach((voice) => voice.renew());
  }

  track.load(!isFinished);
  const end = track.isWhole ? track.seconds : knownSeconds.get(playingId.value) ?? Infinity;
  if (position.value >= end - 0.05) {
    position.value = 0;
  }

  isPlaying.value = true;
  hasEnded.value = false;
  // A browser allows sound to start only while it handles a user gesture, and the samples may arrive later.
  contextOf(track.rate).resume();
  begin();
  timer ||= window.setInterval(tick, 50);
}

export function pause() {
  position.value = now();
  halt();
  batch(() => {
    isPlaying.value = false;
    isWaiting.value = false;
  });
  clearInterval(timer);
  timer = 0;
}

/** Removes the song from the player. */
export function close() {
  pause();
  playingId.value = '';
  position.value = 0;
  hasEnded.value = false;
}

export function toggle() {
  if (isPlaying.value) {
    pause();
  } else {
    play();
  }
}

/** @param {number} seconds */
export function seek(seconds) {
  const track = mainTrack();
  const end = track.isWhole ? track.seconds : Math.max(track.known, knownSeconds.get(playingId.value) ?? 0);
  position.value = Math.min(Math.max(seconds, 0), end);
  hasEnded.value = false;
  if (isPlaying.value) {
    halt();
    begin();
  }
}

/** Returns the tracks to play: the mix, or the stems if a channel of the mixer was changed. */
function voices() {
  const id = playingId.value;
  return playsStems.value ? [trackOf(id, 'vocal'), trackOf(id, 'instrumental')] : [trackOf(id, 'mix')];
}

/** @param {Track} track */
function levelOf(track) {
  if (track.name === 'mix') {
    return 1;
  }

  const { mute, solo, level } = lanes[/** @type {'vocal' | 'instrumental'} */ (track.name)].value;
  const someSolo = Object.values(lanes).some((lane) => lane.value.solo);
  return mute || (someSolo && !solo) ? 0 : level;
}

/** Starts the voices at the position if enough samples have arrived. Otherwise, the player waits, and the timer calls this again. */
function begin() {
  const tracks = voices();
  tracks.forEach((track) => track.load(!knownSeconds.has(track.id)));
  const ready = tracks.every((track) => track.isWhole || track.seconds - position.value > Refill);
  isWaiting.value = !ready;
  if (!ready) {
    return;
  }

  const context = contextOf(tracks[0].rate);
  context.resume();
  const out = context.createGain();
  const gain = 10 ** ((songGains.value.get(playingId.value) ?? 0) / 20);
  out.gain.setValueAtTime(0, context.currentTime);
  out.gain.linearRampToValueAtTime(gain, context.currentTime + Fade);
  out.connect(context.destination);
  run = {
    context,
    out,
    at: context.currentTime + Fade,
    from: position.value,
    sources: new Set(),
    voices: tracks.map((track) => {
      const voice = context.createGain();
      voice.gain.value = levelOf(track);
      voice.connect(out);
      return { track, gain: voice, until: Math.round(position.value * track.rate) };
    }),
  };
  schedule();
}

/** Schedules the samples that the sound card needs next. */
function schedule() {
  if (!run) {
    return;
  }

  const { context, at, from } = run;
  for (const voice of run.voices) {
    const { track } = voice;
    const horizon = Math.round((from + context.currentTime - at + Lookahead) * track.rate);
    while (voice.until < track.length && voice.until < horizon) {
      const end = Math.min(track.length, voice.until + MaxPieceSeconds * track.rate);
      const source = context.createBufferSource();
      source.buffer = track.piece(context, voice.until, end);
      source.connect(voice.gain);
      source.start(at + voice.until / track.rate - from);
      const { sources } = run;
      sources.add(source);
      source.onended = () => sources.delete(source);
      voice.until = end;
    }
  }
}

/** Stops the voices without a click. */
function halt() {
  if (!run) {
    return;
  }

  const { context, out, sources } = run;
  run = null;
  out.gain.cancelScheduledValues(context.currentTime);
  out.gain.setTargetAtTime(0, context.currentTime, Fade / 4);
  for (const source of sources) {
    source.stop(context.currentTime + Fade);
  }

  window.setTimeout(() => out.disconnect(), 200);
}

/** Returns the current position. */
function now() {
  return run ? run.from + Math.max(0, run.context.currentTime - run.at) : position.value;
}

function tick() {
  if (!run) {
    if (isPlaying.value) {
      begin();
    }

    return;
  }

  schedule();
  const there = Math.min(...run.voices.map((voice) => voice.until / voice.track.rate));
  const isWhole = run.voices.every(({ track, until }) => track.isWhole && until >= track.length);
  const time = now();
  position.value = Math.min(time, there);
  if (time >= there) {
    halt();
    if (isWhole) {
      pause();
      position.value = there;
      hasEnded.value = true;
    } else {
      isWaiting.value = true;
    }
  }
}

/** Returns the context for a sample rate. Each rate has its own, so that chunks join without resampling. @param {number} rate */
function contextOf(rate) {
  let context = contexts.get(rate);
  if (!context) {
    context = new AudioContext({ sampleRate: rate });
    contexts.set(rate, context);
  }

  return context;
}

// The first context blocks the page for about 0.1 s, until the browser has started its audio service. Listing the devices starts the
// service without blocking, and needs no permission.
window.requestIdleCallback?.(() => navigator.mediaDevices?.enumerateDevices().catch(() => {}));

// The level of a channel can change during playback; switching between mix and stems requires different voices.
let playedStems = false;
effect(() => {
  const stems = playsStems.value;
  Object.values(lanes).forEach((lane) => lane.value);
  if (stems !== playedStems) {
    playedStems = stems;
    if (run) {
      position.value = now();
      halt();
      begin();
    }
  }

  run?.voices.forEach((voice) => voice.gain.gain.setTargetAtTime(levelOf(voice.track), run?.context.currentTime ?? 0, 0.01));
});
