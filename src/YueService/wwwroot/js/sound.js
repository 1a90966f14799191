// The sound of songs: the samples as they arrive, and the peaks for drawing.
import { signal } from '@preact/signals';
import { fetchResponse, send } from './api.js';

/** The number of peaks per second of sound. */
export const PeakRate = 50;

const Full = 32768;
/** The maximum memory for samples, in bytes; above it, the least recently used tracks are dropped. */
const KeptBytes = 300_000_000;

/** A track of a song: `mix`, `vocal` or `instrumental`. */
export class Track {
  /**
   * @param {string} id
   * @param {string} name
   */
  constructor(id, name) {
    this.id = id;
    this.name = name;
    this.rate = 44100;
    this.channels = 1;
    /** Changes whenever samples or peaks arrive; code that depends on them reads it. */
    this.arrived = signal(0);
    /** The samples of all channels, interleaved. */
    this.samples = new Int16Array(0);
    /** The number of samples per channel. */
    this.length = 0;
    this.isWhole = false;
    this.wasLive = false;
    this.lows = new Int16Array(0);
    this.highs = new Int16Array(0);
    /** The number of seconds that can be drawn although their samples are not loaded. */
    this.outlined = 0;
    /** The highest peak so far, 0 to 1. */
    this.highest = 0;
    this.used = 0;
    /** @type {AbortController | null} */
    this.reading = null;
  }

  /** The number of seconds that can be played. */
  get seconds() {
    return this.length / this.rate;
  }

  /** The number of seconds that can be drawn. */
  get known() {
    return Math.max(this.seconds, this.outlined);
  }

  /** Loads the track from the service unless it is already loaded or being loaded. The sound of an unfinished song arrives as it is made.
   * @param {boolean} isLive True if the song is being made.
   */
  load(isLive) {
    this.used = performance.now();
    if (!this.reading && !this.isWhole) {
      this.wasLive = isLive;
      this.reading = new AbortController();
      this.#read(this.reading.signal).finally(() => { this.reading = null; });
    }
  }

  /** Loads only the peaks of a finished song, because loading its samples takes far longer. Does nothing if the peaks or some samples are
   * loaded, or if samples are being loaded.
   */
  async sketch() {
    if (this.outlined > 0 || this.length > 0 || this.reading) {
      return;
    }

    try {
      const { peaks, seconds } = await send('GET', `/v1/songs/${this.id}/peaks?track=${this.name}&per_second=${PeakRate}`);
      if (this.length === 0) {
        this.lows = Int16Array.from({ length: peaks.length / 2 }, (_, index) => peaks[index * 2] * (Full - 1));
        this.highs = Int16Array.from({ length: peaks.length / 2 }, (_, index) => peaks[index * 2 + 1] * (Full - 1));
        this.highest = Math.max(...peaks.map(Math.abs));
        this.outlined = seconds;
        this.arrived.value += 1;
      }
    } catch {
      // The track is drawn when its samples arrive.
    }
  }

  /** After the song is finished, replaces the samples that arrived earlier with those of the file, whose levels differ slightly. */
  renew() {
    if (this.wasLive && this.isWhole) {
      this.outlined = this.seconds;
      this.length = 0;
      this.isWhole = false;
      this.load(false);
    }
  }

  /** Stops loading; the samples that have arrived are kept. */
  stop() {
    this.reading?.abort();
  }

  /** @param {AbortSignal} signal */
  async #read(signal) {
    let position = 0;
    try {
      const response = await fetchResponse('GET', `/v1/songs/${this.id}/stream?format=pcm&track=${this.name}`, { signal });
      this.rate = Number(response.headers.get('X-Yue-Sample-Rate') ?? this.rate);
      this.channels = Number(response.headers.get('X-Yue-Channels') ?? this.channels);
      const block = 2 * this.channels;
      const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
      let odd = new Uint8Array(0);
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        // A chunk may end in the middle of a sample.
        const bytes = new Uint8Array(odd.length + piece.value.length);
        bytes.set(odd);
        bytes.set(piece.value, odd.length);
        const count = Math.floor(bytes.length / block);
        odd = bytes.slice(count * block);
        this.#put(position, new Int16Array(bytes.buffer, 0, count * this.channels));
        position += count;
      }

      this.length = position;
      this.isWhole = true;
    } catch {
      // Loading failed or was stopped, for example because the song was queued again. The next load reads the track from its beginning.
    }

    this.arrived.value += 1;
  }

  /**
   * @param {number} position
   * @param {Int16Array} samples
   */
  #put(position, samples) {
    const end = position + samples.length / this.channels;
    if (end * this.channels > this.samples.length) {
      const larger = new Int16Array(Math.max(end * this.channels, this.samples.length * 2, this.rate * this.channels * 30));
      larger.set(this.samples.subarray(0, this.length * this.channels));
      this.samples = larger;
    }

    this.samples.set(samples, position * this.channels);
    if (end > this.length) {
      this.length = end;
    }

    this.#measure(position, end);
    this.arrived.value += 1;
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  #measure(from, to) {
    const size = this.rate / PeakRate;
    const needed = Math.ceil(to / size);
    if (needed > this.lows.length) {
      this.lows = grown(this.lows, needed * 2);
      this.highs = grown(this.highs, needed * 2);
    }

    for (let peak = Math.floor(from / size); peak < needed; peak++) {
      const end = Math.min(to, Math.floor((peak + 1) * size));
      let [low, high] = [0, 0];
      for (let at = Math.floor(peak * size) * this.channels; at < end * this.channels; at++) {
        const sample = this.samples[at];
        low = sample < low ? sample : low;
        high = sample > high ? sample : high;
      }

      this.lows[peak] = low;
      this.highs[peak] = high;
      this.highest = Math.max(this.highest, high / Full, -low / Full);
    }
  }

  /** Returns a part of the track as an audio buffer.
   * @param {BaseAudioContext} context
   * @param {number} from The first sample.
   * @param {number} to The sample after the last one.
   */
  piece(context, from, to) {
    const buffer = context.createBuffer(this.channels, to - from, this.rate);
    for (let channel = 0; channel < this.channels; channel++) {
      const data = buffer.getChannelData(channel);
      for (let at = from; at < to; at++) {
        data[at - from] = this.samples[at * this.channels + channel] / Full;
      }
    }

    return buffer;
  }

  /**
   * Returns the peak between two times, 0 to 1.
   * @param {number} from
   * @param {number} to
   */
  peak(from, to) {
    const last = Math.min(Math.ceil(to * PeakRate), Math.ceil(this.known * PeakRate), this.highs.length);
    let peak = 0;
    for (let at = Math.floor(from * PeakRate); at < last; at++) {
      peak = Math.max(peak, this.highs[at], -this.lows[at]);
    }

    return peak / Full;
  }
}

/** @param {Int16Array} peaks @param {number} length */
function grown(peaks, length) {
  const larger = new Int16Array(length);
  larger.set(peaks);
  return larger;
}

/** @type {Map<string, Track>} */
const tracks = new Map();

/** Returns a song's track: the same object for every call, unless the track was dropped to free memory.
 * @param {string} id
 * @param {string} name
 */
export function trackOf(id, name) {
  const key = `${id}/${name}`;
  let track = tracks.get(key);
  if (!track) {
    track = new Track(id, name);
    tracks.set(key, track);
    dropOld(track);
  }

  return track;
}

/** @param {Track} kept */
function dropOld(kept) {
  const old = [...tracks].sort(([, a], [, b]) => a.used - b.used);
  let bytes = old.reduce((sum, [, track]) => sum + track.samples.byteLength, 0);
  for (const [key, track] of old) {
    if (bytes > KeptBytes && track !== kept && !track.reading) {
      bytes -= track.samples.byteLength;
      tracks.delete(key);
    }
  }
}
