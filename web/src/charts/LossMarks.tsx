// What stands in the loss chart besides the lines: the marks of the evaluations, the threshold, alarms, retrains, deployments.
import { loss, ms } from '../format';
import type { Accuracy, Evaluation } from '../api/types';
import { textWidth, type Geometry } from './geometry';
import { label } from './loss-words';
import { Retrains } from './Retrains';

// The stretches in alarm.
export function Washes({ g, now, accuracy }: { g: Geometry; now: number; accuracy: Accuracy }) {
  return (
    <>
      {accuracy.alarms.map((alarm) => {
        const a = Math.max(g.L, g.x(ms(alarm.from))),
          b = Math.min(g.L + g.pw, g.x(alarm.until === null ? now : ms(alarm.until)));
        if (b <= a) return null;
        const w = textWidth('ALARM'),
          at = Math.min(Math.max((a + b) / 2, g.L + w / 2), g.L + g.pw - w / 2);
        return (
          <g key={alarm.from}>
            <rect className="alarmwash" x={a} width={b - a} y={g.T} height={g.ph} data-alarm="" />
            <text className="tx mid alarm strong" x={at} y={g.T - 5}>
              ALARM
            </text>
          </g>
        );
      })}
    </>
  );
}

// The threshold that each evaluation was judged by holds over the stretch that it judged; from the newest on, the one of now.
function thresholdPath(g: Geometry, a: Accuracy): string {
  let path = '',
    last: number | null = null,
    from = g.x0;
  const to = (until: number, value: number): void => {
    const x0 = g.x(Math.max(g.x0, from)).toFixed(1),
      x1 = g.x(Math.min(g.x1, until)).toFixed(1),
      y = g.y(value).toFixed(1);
    path += last === null ? `M${x0} ${y}H${x1}` : `V${y}H${x1}`;
    last = value;
    from = until;
  };
  for (const e of a.evaluations) {
    if (e.threshold === null || ms(e.at) < g.x0) continue;
    if (last === null) from = Math.max(g.x0, ms(e.at) - a.every_ms);
    to(ms(e.at), e.threshold);
  }
  if (a.threshold !== null) to(g.x1, a.threshold);
  return path;
}

export function Marks({ g, accuracy: a }: { g: Geometry; accuracy: Accuracy }) {
  const inside = (t: number): boolean => t >= g.x0 && t <= g.x1;
  let free = -Infinity; // Where the next name of a mark may begin.
  return (
    <>
      <Retrains g={g} retrains={a.retrains} />
      {a.deployments
        .map((d) => ({ ...d, t: ms(d.at) }))
        .filter((d) => inside(d.t))
        .map((d) => {
          const x = g.x(d.t),
            text = `${label(d.version)} deployed`,
            until = x + textWidth(text) + 12,
            covered = a.evaluations.some((e) => {
              const at = g.x(ms(e.at));
              return e.loss !== null && at > x && at < until && g.y(e.low ?? e.loss) > g.T + g.ph - 18;
            }),
            fits = !g.narrow && !covered && x > free && until - 6 < g.L + g.pw;
          if (fits) free = until;
          return (
            <g key={d.at} data-deployment={d.version}>
              <path className="fill-ink" d={`M${x} ${g.T + g.ph - 7}l4.5 7h-9Z`} />
              {fits && (
                <text className="tx dim halo" x={x + 7} y={g.T + g.ph - 4}>
                  {text}
                </text>
              )}
            </g>
          );
        })}
      <path className="threshold" d={thresholdPath(g, a)} />
      <Losses g={g} evaluations={a.staging} tone="candidate" />
      <Losses g={g} evaluations={a.evaluations} tone="forecast" />
    </>
  );
}

// A whisker for the interval; a dot where good, a diamond where it breaches, a dashed ring where there was too little to judge.
function Losses({ g, evaluations, tone }: { g: Geometry; evaluations: Evaluation[]; tone: 'forecast' | 'candidate' }) {
  const clamp = (y: number): number => Math.max(g.T, Math.min(g.T + g.ph, y));
  return (
    <>
      {evaluations.map((e) => {
        const x = g.x(ms(e.at));
        if (x < g.L || x > g.L + g.pw + 1) return null;
        if (e.loss === null)
          return <circle key={e.at} className="ring" cx={x} cy={g.T + g.ph - 5} r="3" data-evaluation="no_data" />;
        const y = g.y(e.loss),
          off = y < g.T;
        return (
          <g key={e.at} data-evaluation={e.breach ? 'breach' : 'good'} data-tone={tone}>
            {e.low !== null && e.up !== null && (
              <line className={`whisker ${tone}`} x1={x} x2={x} y1={clamp(g.y(e.low))} y2={clamp(g.y(e.up))} />
            )}
            {off ? (
              <>
                <path className="fill-alarm" d={`M${x} ${g.T - 9}l4 6h-8Z`} />
                <text className="tx strong alarm" x={x + 7} y={g.T - 3}>
                  {loss(e.loss)}
                </text>
              </>
            ) : e.breach && tone === 'forecast' ? (
              <path className="fill-alarm" d={`M${x} ${y - 4.8}l4.8 4.8-4.8 4.8-4.8-4.8Z`} />
            ) : (
              <circle
                className={tone === 'candidate' ? 'open-candidate' : 'fill-forecast'}
                cx={x}
                cy={y}
                r={tone === 'candidate' ? 3 : 2.6}
              />
            )}
          </g>
        );
      })}
    </>
  );
}
