// The loss of production over a day against its threshold: one mark an evaluation, and what the loss led to.
import { useMemo, useState, type ReactNode } from 'react';
import type uPlot from 'uplot';
import { useNow } from '../clock';
import { day, duration, hm, HOUR, loss, ms, percent, sameDay } from '../format';
import type { Part } from '../feed';
import type { Accuracy, Evaluation, Status } from '../api/types';
import { Glyph } from '../parts/Glyph';
import { Chart, type SeriesStyle } from './Chart';
import type { Crosshair } from './crosshair';
import { Empty, Failed, Loading } from './cover';
import { quantile, textWidth, valueTicks, type Geometry, type GutterLabel } from './geometry';
import { Retrains } from './Retrains';
import { Rows } from './Rows';

interface Props { part: Part<Accuracy>; status: Status | null; crosshair: Crosshair; theme: string; lost: boolean; retry: () => void }

const height = 168, heightNarrow = 164, shown_ms = 24 * HOUR;
const series: SeriesStyle[] = [{ color: '--forecast', width: 1.25 }, { color: '--candidate', width: 1.5, dash: [5, 3] }];

export function LossChart({ part, status, crosshair, theme, lost, retry }: Props) {
  const now = useNow();
  const [asTable, setAsTable] = useState(false);
  const accuracy = part.data;
  const all = useMemo(() => [...(accuracy?.evaluations ?? []), ...(accuracy?.staging ?? [])], [accuracy]);
  const data = useMemo(() => columns(accuracy), [accuracy]);
  const y = useMemo(() => lossRange(accuracy, all), [accuracy, all]);
  const x: [number, number] = [now - shown_ms, now];
  const some = all.length > 0;
  const stale = part.error !== null && some;
  return (
    <section className="sec" aria-labelledby="loss">
      <header className="charthead">
        <h2 id="loss">Loss of {accuracy?.stage ?? 'production'}, last 24 h</h2>
        <span className="dim">mean weighted quantile loss{accuracy ? (accuracy.every_ms === HOUR ? ' an hour' : ` each ${duration(accuracy.every_ms)}`) : ''}{
          all.some((e) => e.low !== null) && `, with 90\u202f% interval`}</span>
        <span className="fill" />
        {stale && <span className="pill warn"><Glyph mark="warn" />stale: not read again</span>}
        {some && <button type="button" className="btn ghost small" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>{asTable ? 'Chart' : 'Table'}</button>}
      </header>
      {asTable && accuracy ? <Rows label="Evaluations" height={height} columns={tableColumns} rows={tableRows(accuracy)} /> : (
        <Chart id="loss" label={accuracy ? sentence(accuracy) : 'Loss of production: nothing to show yet.'} height={height} heightNarrow={heightNarrow} x={x} y={y}
               yTicks={valueTicks(0, y[1], 3)} yFormat={some ? tickText(y) : () => ''} data={data} series={series} theme={theme} crosshair={crosshair} dim={stale || lost}
               stops={(data[0] as number[]).filter((t) => t >= x[0])} start={now}
               under={(g) => accuracy && <Washes g={g} now={now} accuracy={accuracy} />}
               over={(g) => accuracy && <Marks g={g} accuracy={accuracy} />}
               labels={accuracy && some ? gutterLabels(accuracy) : []}
               tip={(time) => accuracy && <Tip time={time} accuracy={accuracy} />} spoken={(time) => (accuracy ? spoken(time, accuracy) : '')}
               cover={cover(part, some, status, retry)} />
      )}
    </section>
  );
}

const known = (values: (number | null | undefined)[]): number[] => values.filter((v): v is number => typeof v === 'number');
const tickText = (y: [number, number]) => (v: number): string => v.toFixed(y[1] < 0.1 ? 2 : 1).replace(/^0\.0+$/, '0');

function lossRange(accuracy: Accuracy | null, all: Evaluation[]): [number, number] {
  const tops = known(all.map((e) => e.up ?? e.loss)), thresholds = known([accuracy?.threshold, ...all.map((e) => e.threshold)]);
  if (tops.length + thresholds.length === 0) return [0, 1];
  const limit = thresholds.length ? Math.max(...thresholds) : 0;
  return [0, 1.12 * Math.max(limit * 1.4, Math.min(Math.max(0, ...tops), Math.max(3.5 * limit, tops.length ? quantile(tops, 0.9) * 1.6 : 0)))];
}

function columns(accuracy: Accuracy | null): uPlot.AlignedData {
  const times = [...new Set([...(accuracy?.evaluations ?? []), ...(accuracy?.staging ?? [])].map((e) => ms(e.at)))].sort((a, b) => a - b);
  const line = (evaluations: Evaluation[] | undefined): (number | null)[] => {
    const at = new Map((evaluations ?? []).map((e) => [ms(e.at), e.loss]));
    return times.map((t) => at.get(t) ?? null);
  };
  return [times, line(accuracy?.evaluations), line(accuracy?.staging)];
}

function cover(part: Part<Accuracy>, some: boolean, status: Status | null, retry: () => void): ReactNode {
  if (some) return null;
  if (part.error?.status === 409) return <Empty title="No forecast is defined">{part.error.message}</Empty>;
  if (part.error) return <Failed part={part} retry={retry} />;
  if (!part.data) return <Loading what="Reading 24 hours" />;
  const first = status?.next.find((n) => /^evaluation/i.test(n.what));
  return (
    <Empty title="No evaluation yet">
      {status?.production === null ? 'The first comes when a model has served and the truth of its forecasts has landed.'
        : `The first comes when enough truth has landed${first?.at ? `, at ${hm(ms(first.at))} UTC at the earliest` : ''}.`}
    </Empty>
  );
}

const label = (version: number): string => `model\u00a0${version}`;

function gutterLabels(a: Accuracy): GutterLabel[] {
  const labels: GutterLabel[] = [];
  if (a.threshold !== null) labels.push({ y: a.threshold, text: `threshold ${loss(a.threshold)}`, short: `thr. ${loss(a.threshold)}`, className: 'threshold' });
  const add = (evaluations: Evaluation[], className: string): void => {
    const last = evaluations.filter((e) => e.loss !== null).at(-1);
    if (last && last.loss !== null) labels.push({ y: last.loss, text: `${label(last.version)} ${loss(last.loss)}`, short: `${last.version}: ${loss(last.loss)}`, className, strong: true });
  };
  add(a.evaluations, 'forecast');
  add(a.staging, 'candidate');
  return labels;
}

// The stretches in alarm.
function Washes({ g, now, accuracy }: { g: Geometry; now: number; accuracy: Accuracy }) {
  return (
    <>
      {accuracy.alarms.map((alarm) => {
        const a = Math.max(g.L, g.x(ms(alarm.from))), b = Math.min(g.L + g.pw, g.x(alarm.until === null ? now : ms(alarm.until)));
        if (b <= a) return null;
        const w = textWidth('ALARM'), at = Math.min(Math.max((a + b) / 2, g.L + w / 2), g.L + g.pw - w / 2);
        return <g key={alarm.from}><rect className="alarmwash" x={a} width={b - a} y={g.T} height={g.ph} data-alarm="" /><text className="tx mid alarm strong" x={at} y={g.T - 5}>ALARM</text></g>;
      })}
    </>
  );
}

// The threshold that each evaluation was judged by holds over the stretch that it judged; from the newest on, the one of now.
function thresholdPath(g: Geometry, a: Accuracy): string {
  let path = '', last: number | null = null, from = g.x0;
  const to = (until: number, value: number): void => {
    const x0 = g.x(Math.max(g.x0, from)).toFixed(1), x1 = g.x(Math.min(g.x1, until)).toFixed(1), y = g.y(value).toFixed(1);
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

function Marks({ g, accuracy: a }: { g: Geometry; accuracy: Accuracy }) {
  const inside = (t: number): boolean => t >= g.x0 && t <= g.x1;
  let free = -Infinity; // Where the next name of a mark may begin.
  return (
    <>
      <Retrains g={g} retrains={a.retrains} />
      {a.deployments.map((d) => ({ ...d, t: ms(d.at) })).filter((d) => inside(d.t)).map((d) => {
        const x = g.x(d.t), text = `${label(d.version)} deployed`, fits = !g.narrow && x > free && x + textWidth(text) + 6 < g.L + g.pw;
        if (fits) free = x + textWidth(text) + 12;
        return (
          <g key={d.at} data-deployment={d.version}>
            <path className="fill-ink" d={`M${x} ${g.T + g.ph - 7}l4.5 7h-9Z`} />
            {fits && <text className="tx dim halo" x={x + 7} y={g.T + g.ph - 4}>{text}</text>}
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
        if (e.loss === null) return <circle key={e.at} className="ring" cx={x} cy={g.T + g.ph - 5} r="3" data-evaluation="no_data" />;
        const y = g.y(e.loss), off = y < g.T;
        return (
          <g key={e.at} data-evaluation={e.breach ? 'breach' : 'good'} data-tone={tone}>
            {e.low !== null && e.up !== null && <line className={`whisker ${tone}`} x1={x} x2={x} y1={clamp(g.y(e.low))} y2={clamp(g.y(e.up))} />}
            {off ? <><path className="fill-alarm" d={`M${x} ${g.T - 9}l4 6h-8Z`} /><text className="tx strong alarm" x={x + 7} y={g.T - 3}>{loss(e.loss)}</text></>
              : e.breach && tone === 'forecast' ? <path className="fill-alarm" d={`M${x} ${y - 4.8}l4.8 4.8-4.8 4.8-4.8-4.8Z`} />
              : <circle className={tone === 'candidate' ? 'open-candidate' : 'fill-forecast'} cx={x} cy={y} r={tone === 'candidate' ? 3 : 2.6} />}
          </g>
        );
      })}
    </>
  );
}

const verdict = (e: Evaluation): string => (e.loss === null ? 'too little to judge' : e.breach ? 'breach' : 'good');

function facts(time: number, a: Accuracy): { title: string; rows: [string, string][] } {
  const rows: [string, string][] = [];
  const of = (list: Evaluation[], stage: string): void => {
    const e = list.find((one) => ms(one.at) === time);
    if (!e) return;
    rows.push([`${label(e.version)} in ${stage}`, e.loss === null ? 'no loss' : loss(e.loss)]);
    if (e.low !== null && e.up !== null) rows.push(['90\u202f% interval', `${loss(e.low)} to ${loss(e.up)}`]);
    if (stage !== a.stage) return;
    if (e.threshold !== null) rows.push(['threshold', `${loss(e.threshold)}, ${verdict(e)}`]);
    if (e.naive !== null) rows.push(['naive', loss(e.naive)]);
    if (e.seasonal_naive !== null) rows.push(['seasonal naive', loss(e.seasonal_naive)]);
    if (e.coverage !== null) rows.push(['truth inside the interval', percent(e.coverage)]);
    rows.push(['forecasts scored', String(e.forecasts)]);
  };
  of(a.evaluations, a.stage);
  of(a.staging, 'staging');
  return { title: `${hm(time - a.every_ms)} to ${hm(time)}`, rows };
}

function Tip({ time, accuracy }: { time: number; accuracy: Accuracy }) {
  const { title, rows } = facts(time, accuracy);
  if (rows.length === 0) return null;
  return (
    <>
      <div className="moment">evaluation of <b>{title}</b> UTC</div>
      <dl>{rows.map(([name, value], i) => <div key={name + String(i)}><dt>{name}</dt><dd className={i === 0 ? 'strong' : undefined}>{value}</dd></div>)}</dl>
    </>
  );
}

const spoken = (time: number, a: Accuracy): string => { const f = facts(time, a); return `Evaluation of ${f.title} UTC: ${f.rows.map((r) => r.join(' ')).join(', ')}.`; };

function sentence(a: Accuracy): string {
  const judged = a.evaluations.filter((e) => e.loss !== null), last = judged.at(-1);
  if (!last || last.loss === null) return `Loss of ${a.stage}: no evaluation yet.`;
  const breaches = judged.filter((e) => e.breach).length, open = a.alarms.find((one) => one.until === null);
  return `Loss of ${a.stage} over 24 hours: ${loss(last.loss)} at ${hm(ms(last.at))} UTC${last.threshold !== null ? `, threshold ${loss(last.threshold)}` : ''}. ` +
    `${breaches} of ${judged.length} evaluations breached.${open ? ` ALARM since ${sameDay(ms(open.from), ms(a.now)) ? '' : `${day(ms(open.from))} `}${hm(ms(open.from))}.` : ''}`;
}

const tableColumns = [{ name: 'At, UTC' }, { name: 'Model' }, { name: 'Loss', number: true }, { name: '90\u202f% interval', number: true }, { name: 'Threshold', number: true },
                      { name: 'Naive', number: true }, { name: 'Forecasts', number: true }, { name: 'Verdict' }];

function tableRows(a: Accuracy): string[][] {
  const text = (v: number | null): string => (v === null ? '' : loss(v));
  const staged = new Set(a.staging);
  return [...a.evaluations, ...a.staging].sort((p, q) => ms(q.at) - ms(p.at)).map((e) => [
    `${day(ms(e.at))} ${hm(ms(e.at))}`, `${label(e.version)}${staged.has(e) ? ' in staging' : ''}`, text(e.loss), e.low !== null && e.up !== null ? `${loss(e.low)} to ${loss(e.up)}` : '',
    text(e.threshold), text(e.naive), String(e.forecasts), verdict(e),
  ]);
}
