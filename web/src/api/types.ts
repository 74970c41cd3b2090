// What the server says, as JSON.  The OpenAPI document at /api/v1/openapi.json rules; null means unknown or none.

export type Time = string; // RFC 3339, UTC

export type Mark = 'ok' | 'warn' | 'alarm' | 'waiting' | 'running' | 'no_data' | 'idle' | 'info';

export type AnswerState =
  | 'starting'
  | 'collecting'
  | 'training'
  | 'waiting_for_approval'
  | 'no_model'
  | 'healthy'
  | 'breach'
  | 'alarm'
  | 'gave_up'
  | 'cannot_forecast'
  | 'no_data'
  | 'source_down'
  | 'source_silent'
  | 'stopped'
  | 'dead_letters'
  | 'features_only'
  | 'books_broken';

export interface Answer {
  state: AnswerState;
  sentence: string;
  emphasis: string | null; // A part of the sentence.
  tone: 'ok' | 'warn' | 'alarm' | 'none';
  detail: string;
}

export type StageId = 'source' | 'window' | 'feature' | 'forecast' | 'score' | 'alarm' | 'retrain' | 'approve' | 'deploy';

export interface Stage {
  id: StageId;
  name: string;
  state: Mark;
  value: string;
  note: string;
  note_at: Time | null; // The note is followed by its age.
}

export interface Need {
  kind: 'approval' | 'production' | 'gave_up' | 'alarm' | 'source' | 'books';
  title: string;
  text: string;
  since: Time | null;
  version: number | null;
  stage: 'staging' | 'production' | null; // Where an approval would put it.
  can_approve: boolean;
  can_reject: boolean;
  commands: string[];
  consequences: string;
}

export interface Next {
  at: Time | null;
  what: string;
  why: string;
}

export interface Source {
  name: string;
  kind: 'http_poll' | 'file' | 'recording';
  state: 'starting' | 'ok' | 'retrying' | 'silent' | 'recorded';
  text: string;
  since: Time | null;
  last_reply_at: Time | null;
  last_new_at: Time | null;
  next_poll_at: Time | null;
  interval_ms: number | null;
  replies: number;
  failures: number;
  gaps: number;
  events_per_s: number | null;
}

export interface System {
  memory_bytes: number;
  data_bytes: number;
  uptime_s: number;
  version: string;
  address: string;
}

export interface Status {
  project: string;
  mode: 'live' | 'replay' | 'offline';
  now: Time;
  clock: 'system' | 'simulated';
  progress: number | null; // Of a replay under way; 1 at its end.
  answer: Answer;
  stages: Stage[];
  needs_you: Need[];
  next: Next[];
  events: { read: number; stored: number; duplicate: number; late: number; dead: number };
  balance: 'ok' | 'broken';
  windows: Record<string, number>;
  open_windows: number;
  watermark: Time | null;
  gaps: number;
  staging: number | null;
  production: number | null;
  previous: number | null;
  candidate: number | null;
  alarm: 'OK' | 'ALARM' | 'NO_DATA';
  alarm_since: Time | null;
  loss: number | null;
  threshold: number | null;
  naive: number | null;
  evaluated_at: Time | null;
  retrain: 'idle' | 'queued' | 'training' | 'waiting_for_approval' | 'cooling_down' | 'gave_up';
  runs: number;
  active_run: number | string | null;
  source: Source | null;
  system: System | null;
}

export interface Target {
  series: string;
  label: string;
  unit: string;
  step_ms: number;
  now: Time;
  start: Time | null; // window_start of values[0]
  values: (number | null)[];
  gaps: { from: Time; until: Time }[];
  said: { steps_before: number; values: (number | null)[] } | null;
  forecast: { stage: string; version: number; origin: Time; made_at: Time; quantiles: Record<string, (number | null)[]> } | null;
  candidate: { stage: string; version: number; origin: Time; median: (number | null)[] } | null;
}

export interface Evaluation {
  at: Time;
  version: number;
  forecasts: number;
  loss: number | null;
  low: number | null; // 90 % interval of the loss
  up: number | null;
  threshold: number | null;
  breach: boolean;
  coverage: number | null;
  bias: number | null;
  naive: number | null;
  seasonal_naive: number | null;
}

export interface Accuracy {
  stage: string;
  now: Time;
  every_ms: number;
  threshold: number | null;
  evaluations: Evaluation[];
  staging: Evaluation[];
  alarms: { from: Time; until: Time | null }[];
  retrains: { at: Time; run: number | string; why: string; outcome: string }[];
  deployments: { at: Time; version: number }[];
}

export interface TimelineItem {
  number: number;
  at: Time;
  kind: string;
  subject: string;
  text: string;
  state: Mark;
}

export interface Timeline {
  items: TimelineItem[]; // newest first
  more: boolean;
}
