// The parts of the service's responses that the page uses. docs/openapi.json describes them completely.
export interface Job {
  id: string;
  state: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';
  created_at: string;
  title: string;
  favourite: boolean;
  note: string | null;
  genre: string;
  queue_position: number | null;
  estimated_seconds_left: number | null;
  audible_seconds: number | null;
  progress: {
    stage: 'stage1' | 'stage2' | 'score' | 'music' | 'flow' | 'decode'; section: number; sections: number; percent: number;
  } | null;
  error: { type: string; detail: string } | null;
  parent: { id: string; how: 'continue' | 'replace_section' | 'finish'; section: number | null } | null;
  /** The group of takes that the song belongs to. */
  group: { id: string; take: number } | null;
  /** The sections of a running song that have been written so far. */
  sections: { tag: string; start_seconds: number }[] | null;
  /** The score of a running song, once it is complete. */
  score?: string;
  request?: Record<string, any>;
  song: {
    duration_seconds: number;
    seed: number;
    model: string;
    stage: 'full' | 'draft' | 'finish' | 'score';
    /** The score in ABC notation; null without one. */
    score: string | null;
    sections: { tag: string; seconds: number; start_seconds: number; kept: boolean;
      ended: 'end_of_audio' | 'max_new_tokens' }[];
    warnings: string[];
    tracks: string[];
    /** The loudness of the mix; null for silence and for songs made by earlier releases. */
    mix_lufs: number | null;
  } | null;
}

export interface Health {
  state: 'loading' | 'ready' | 'failed' | 'draining';
  demo: boolean;
  device: string;
  percent: number | null;
  reason: string | null;
  models: { name: string; role: string }[];
  queue: { depth: number; running: number; capacity: number };
}

export interface Options {
  models: { name: string; capabilities: string[]; stages: string[]; licence: { name: string; link: string; notice: string | null } }[];
  formats: { name: string; available: boolean }[];
  separator_available: boolean;
  tags: Record<string, string[]>;
  fields: { name: string; type: string; models: string[]; default?: unknown; minimum: number | null;
    maximum: number | null }[];
}

export interface Check {
  /** The lyrics that were checked. */
  text: string;
  valid: boolean;
  errors: Record<string, string[]>;
  warnings: { code: string; field: string; start: number; end: number; message: string }[];
  sections: { tag: string; start: number; end: number; in_song: boolean; estimated_seconds: number | null }[];
  prompt_tokens: number | null;
  context_tokens: number | null;
  estimated_wait_seconds: number | null;
}
