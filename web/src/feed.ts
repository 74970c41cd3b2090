// Everything the page knows: read once, then kept by the event stream.  The page subscribes; nothing else changes it.
import { get, ApiError } from './api/client';
import { openEvents } from './api/events';
import type { Accuracy, Status, Target, Timeline, TimelineItem } from './api/types';

// What is known of one part, and what went wrong with it.  Data outlives an error: a part shows the last picture, dimmed.
export interface Part<T> {
  data: T | null;
  error: ApiError | null;
  retryAt: number | null; // Wall time of the next try after an error.
}

export interface Connection {
  state: 'connecting' | 'live' | 'lost';
  since: number; // Wall time.
}

export interface Known {
  status: Part<Status>;
  heardAt: number; // Wall time at which `status` was true.
  target: Part<Target>;
  accuracy: Part<Accuracy>;
  timeline: Part<Timeline>;
  connection: Connection;
}

const nothing = { data: null, error: null, retryAt: null };
const retry_ms = 4000,
  at_most_every_ms = 500,
  page = 20,
  kept = 400;

// One resource that is read again when told to, at most twice a second, one request at a time, and after an error by itself.
class Resource<T> {
  part: Part<T> = nothing;
  private busy = false;
  private again = false;
  private lastStart = -Infinity;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly path: () => string,
    private readonly changed: () => void,
  ) {}

  refresh = (): void => {
    if (this.busy) {
      this.again = true;
      return;
    }
    const wait = this.lastStart + at_most_every_ms - performance.now();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.read(), Math.max(0, wait));
  };

  set(part: Partial<Part<T>>): void {
    this.part = { ...this.part, ...part };
    this.changed();
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private async read(): Promise<void> {
    this.busy = true;
    this.again = false;
    this.lastStart = performance.now();
    try {
      this.set({ data: await get<T>(this.path()), error: null, retryAt: null });
    } catch (thrown) {
      const error = thrown instanceof ApiError ? thrown : new ApiError(0, String(thrown));
      const final = error.status === 404 || error.status === 409; // Asking again changes nothing.
      this.set({ error, retryAt: final ? null : Date.now() + retry_ms });
      if (!final) this.timer = setTimeout(this.refresh, retry_ms);
    }
    this.busy = false;
    if (this.again) this.refresh();
  }
}

export class Feed {
  private readonly listeners = new Set<() => void>();
  private readonly changed = (): void => this.publish();
  private readonly statusPart = new Resource<Status>(
    () => '/status',
    () => this.heard(),
  );
  private readonly targetPart = new Resource<Target>(() => '/target?hours=3', this.changed);
  private readonly accuracyPart = new Resource<Accuracy>(() => '/accuracy?hours=24', this.changed);
  private readonly timelinePart = new Resource<Timeline>(
    () => `/timeline?last=${page}`,
    () => this.listen(),
  );
  private connection: Connection = { state: 'connecting', since: Date.now() };
  private heardAt = Date.now();
  private last: Status | null = null;
  private known: Known = this.collect();
  private close: (() => void) | null = null;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  snapshot = (): Known => this.known;

  start(): () => void {
    this.refreshAll();
    return () => {
      this.close?.();
      this.close = null;
      for (const part of [this.statusPart, this.targetPart, this.accuracyPart, this.timelinePart]) part.stop();
    };
  }

  refreshAll = (): void => {
    for (const part of [this.statusPart, this.targetPart, this.accuracyPart, this.timelinePart]) part.refresh();
  };
  retryStatus = (): void => this.statusPart.refresh();
  retryTarget = (): void => this.targetPart.refresh();
  retryAccuracy = (): void => this.accuracyPart.refresh();
  retryTimeline = (): void => this.timelinePart.refresh();

  // Adds the items before the oldest that is known.
  async older(): Promise<void> {
    const known = this.timelinePart.part.data;
    const oldest = known?.items.at(-1)?.number;
    if (!known || oldest === undefined) return;
    const before = await get<Timeline>(`/timeline?last=${page}&before=${oldest}`);
    const now = this.timelinePart.part.data ?? known;
    const end = now.items.at(-1)?.number ?? oldest;
    this.timelinePart.set({ data: { items: [...now.items, ...before.items.filter((i) => i.number < end)], more: before.more } });
  }

  // The number of the newest item that is known; null before the first answer.
  private newest(): number | null {
    const known = this.timelinePart.part.data;
    return known ? (known.items[0]?.number ?? 0) : null;
  }

  // The stream opens when the timeline has been read (or has failed), so that it follows without a hole.
  private listen(): void {
    this.close ??= openEvents(() => this.newest(), {
      status: (status) => this.statusPart.set({ data: status, error: null, retryAt: null }),
      timeline: (item) => this.prepend(item),
      reset: () => this.refreshAll(),
      connected: () => this.connect('live'),
      lost: () => this.connect('lost'),
    });
    this.publish();
  }

  private prepend(item: TimelineItem): void {
    const known = this.timelinePart.part.data;
    if (!known) {
      this.timelinePart.refresh();
      return;
    }
    if (item.number <= (this.newest() ?? 0)) return; // Sent again after a reconnect.
    const items = [item, ...known.items];
    this.timelinePart.set({ data: { items: items.slice(0, kept), more: known.more || items.length > kept } });
  }

  private connect(state: Connection['state']): void {
    if (this.connection.state === state) return;
    const back = state === 'live' && this.connection.state === 'lost';
    this.connection = { state, since: Date.now() };
    this.publish();
    if (back) {
      this.targetPart.refresh();
      this.accuracyPart.refresh();
    } // What the lost events would have asked for.
  }

  // A new status says which of the larger parts are out of date.
  private heard(): void {
    const status = this.statusPart.part.data;
    if (status && status !== this.last) {
      this.heardAt = Date.now();
      const before = this.last;
      this.last = status;
      if (before) {
        if (targetKey(before) !== targetKey(status)) this.targetPart.refresh();
        if (accuracyKey(before) !== accuracyKey(status)) this.accuracyPart.refresh();
      }
    }
    this.publish();
  }

  private collect(): Known {
    return {
      status: this.statusPart.part,
      heardAt: this.heardAt,
      target: this.targetPart.part,
      accuracy: this.accuracyPart.part,
      timeline: this.timelinePart.part,
      connection: this.connection,
    };
  }

  private publish(): void {
    this.known = this.collect();
    for (const listener of this.listeners) listener();
  }
}

const targetKey = (s: Status): string =>
  JSON.stringify([Object.values(s.windows).reduce((a, b) => a + b, 0), s.gaps, s.production, s.staging, s.candidate]);
const accuracyKey = (s: Status): string => JSON.stringify([s.evaluated_at, s.alarm, s.production, s.staging, s.runs]);
