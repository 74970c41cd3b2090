// What comes, when, and why.
import { useNow } from '../clock';
import { age, day, DAY, hm, hms, MINUTE, ms, sameDay } from '../format';
import type { Next } from '../api/types';

// Seconds only where they are near enough to matter.
function clockTime(at: number, now: number): string {
  const time = Math.abs(at - now) < 10 * MINUTE ? hms(at) : hm(at);
  return sameDay(at, now) || at - now < DAY / 2 ? time : `${day(at)} ${time}`;
}

export function NextList({ next }: { next: Next[] | null }) {
  const now = useNow();
  return (
    <section className="sec" aria-labelledby="next">
      <header><h2 id="next">Next, and why</h2></header>
      {next && next.length === 0 && <p className="soft small">Nothing is scheduled.</p>}
      <ul className="next">
        {(next ?? []).map((item, i) => {
          const at = item.at ? ms(item.at) : null;
          return (
            <li key={i}>
              <span className="when">{at === null ? <span>then</span> : <><b>{clockTime(at, now)}</b>{at < now ? 'due' : age(at, now)}</>}</span>
              <span>{item.what} <span className="why">{item.why}</span></span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
