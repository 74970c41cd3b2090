// What happened, newest first.  It never moves under the reader: while the list is read, what is new is counted instead.
import { useCallback, useEffect, useRef, useState } from 'react';
import { useNow } from '../clock';
import { age, day, hm, ms, sameDay, tied } from '../format';
import type { Part } from '../feed';
import type { Timeline, TimelineItem } from '../api/types';
import { Glyph, words } from './Glyph';

const topbar_px = 56;

// Whether somebody reads the list: the pointer or the focus is in it, or its head has been scrolled past.
function useIsRead(ref: React.RefObject<HTMLElement>): boolean {
  const [inside, setInside] = useState({ pointer: false, focus: false, past: false });
  useEffect(() => {
    const list = ref.current;
    if (!list) return;
    const set = (change: Partial<typeof inside>) => (): void => setInside((old) => ({ ...old, ...change }));
    const onScroll = (): void => {
      const past = list.getBoundingClientRect().top < topbar_px;
      setInside((old) => (old.past === past ? old : { ...old, past }));
    };
    const handlers: [string, () => void][] = [
      ['pointerenter', set({ pointer: true })],
      ['pointerleave', set({ pointer: false })],
      ['focusin', set({ focus: true })],
      ['focusout', set({ focus: false })],
    ];
    for (const [name, handler] of handlers) list.addEventListener(name, handler);
    window.addEventListener('scroll', onScroll, { passive: true });
    return () => {
      for (const [name, handler] of handlers) list.removeEventListener(name, handler);
      window.removeEventListener('scroll', onScroll);
    };
  }, [ref]);
  return inside.pointer || inside.focus || inside.past;
}

export function EventList({ part, retry, older }: { part: Part<Timeline>; retry: () => void; older: () => Promise<void> }) {
  const list = useRef<HTMLDivElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const read = useIsRead(list);
  const items = part.data?.items;
  const newest = items?.[0]?.number ?? 0;
  const [seen, setSeen] = useState(0); // The newest that is shown.
  useEffect(() => {
    if (!read || seen === 0 || newest < seen) setSeen(newest);
  }, [read, newest, seen]);
  const fresh = seen > 0 ? (items?.filter((i) => i.number > seen).length ?? 0) : 0;
  const show = (): void => {
    setSeen(newest);
    heading.current?.scrollIntoView({ block: 'center' });
    heading.current?.focus();
  };
  return (
    <section className="sec" aria-labelledby="happened">
      <header>
        <h2 id="happened" ref={heading} tabIndex={-1}>
          What happened
        </h2>
        <span className="dim">newest first</span>
        {part.error && items && (
          <span className="pill warn">
            <Glyph mark="warn" />
            not read again: {part.error.message}
          </span>
        )}
      </header>
      <div role="status" aria-live="polite" className="freshbox">
        {fresh > 0 && (
          <button type="button" className="btn small fresh" onClick={show}>
            {fresh} new
          </button>
        )}
      </div>
      <div ref={list}>
        {!items && <Waiting part={part} retry={retry} />}
        {items && items.length === 0 && (
          <p className="soft small">
            Nothing yet. The first event of the source, the first window and the first run will each be listed here.
          </p>
        )}
        {items && <Rows items={items.filter((i) => seen === 0 || i.number <= seen)} />}
        {part.data?.more && <Older older={older} />}
      </div>
    </section>
  );
}

function Waiting({ part, retry }: { part: Part<Timeline>; retry: () => void }) {
  if (!part.error) return <p className="soft small">Reading</p>;
  return (
    <p className="soft small">
      <span className="pill alarm">
        <Glyph mark="alarm" />
        not read
      </span>{' '}
      {part.error.message}{' '}
      <button type="button" className="btn small" onClick={retry}>
        Try now
      </button>
    </p>
  );
}

function Rows({ items }: { items: TimelineItem[] }) {
  const now = useNow();
  let last = now;
  return (
    <ol className="events">
      {items.map((item) => {
        const at = ms(item.at),
          newDay = !sameDay(at, last);
        last = at;
        return (
          <li key={item.number} data-state={item.state}>
            {newDay && <span className="day">{day(at)}</span>}
            <time dateTime={item.at}>{hm(at)}</time>
            <span className="ago">{age(at, now)}</span>
            <span className="subject">
              <Glyph mark={item.state} word={words[item.state]} />
              <span>{item.subject}</span>
            </span>
            <span className="soft">{tied(item.text)}</span>
          </li>
        );
      })}
    </ol>
  );
}

function Older({ older }: { older: () => Promise<void> }) {
  const [state, setState] = useState<'rest' | 'busy' | string>('rest');
  const read = useCallback(() => {
    setState('busy');
    older().then(
      () => setState('rest'),
      (error: Error) => setState(error.message),
    );
  }, [older]);
  return (
    <p className="older">
      <button type="button" className="btn small" onClick={read} aria-busy={state === 'busy'}>
        Older
      </button>
      {state !== 'rest' && state !== 'busy' && (
        <span className="soft" role="alert">
          {' '}
          {state}
        </span>
      )}
    </p>
  );
}
