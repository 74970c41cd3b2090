// What comes, when, and why.
import { useNow } from '../clock';
import { age, day, DAY, hm, hms, MINUTE, ms, sameDay, tied } from '../format';
import type { Next } from '../api/types';

// Seconds only where it is near enough for them to matter, the day only where it is not soon.
const clockTime = (at: number, now: number): string => (Math.abs(at - now) < 10 * MINUTE ? hms(at) : hm(at));
const isSoon = (at: number, now: number): boolean => sameDay(at, now) || at - now < DAY / 2;

export function NextList({ next }: { next: Next[] | null }) {
  const now = useNow();
  return (
    <section className="sec" aria-labelledby="next">
      <header>
        <h2 id="next">Next, and why</h2>
      </header>
      {next && next.length === 0 && <p className="soft small">Nothing is scheduled.</p>}
      <ul className="next">
        {(next ?? []).map((item, i) => {
          const at = item.at ? ms(item.at) : null;
          return (
            <li key={i}>
              <span className="when">
                {at === null ? (
                  <span>then</span>
                ) : (
                  <>
                    <b>{clockTime(at, now)}</b>
                    {!isSoon(at, now) && (
                      <>
                        {day(at)}
                        <br />
                      </>
                    )}
                    {at < now ? 'due' : age(at, now)}
                  </>
                )}
              </span>
              <span>
                {tied(item.what)} <span className="why">{tied(item.why)}</span>
              </span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
