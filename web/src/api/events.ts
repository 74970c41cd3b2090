// The event stream of the server.  EventSource reconnects by itself after a cut; where it gave up (the server answered with
// an error), a new one is opened after a while.
import type { Status, TimelineItem } from './types';

export interface Listener {
  status(status: Status): void;
  timeline(item: TimelineItem): void;
  reset(): void; // Too much was missed: read everything again.
  connected(): void;
  lost(): void;
}

const reopen_ms = 5000;

// newest: the number of the newest timeline item that is known, null where none was read.  Returns what closes the stream.
export function openEvents(newest: () => number | null, to: Listener): () => void {
  let source: EventSource;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const open = (): void => {
    const after = newest();
    source = new EventSource('/api/v1/events' + (after === null ? '' : `?after=${after}`));
    source.onopen = () => to.connected();
    source.onerror = () => {
      to.lost();
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, reopen_ms);
    };
    source.addEventListener('status', (event) => to.status(JSON.parse(event.data as string) as Status));
    source.addEventListener('timeline', (event) => to.timeline(JSON.parse(event.data as string) as TimelineItem));
    source.addEventListener('reset', () => to.reset());
  };
  open();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}
