// The target: what was, what had been said of it, what comes.
import { useMemo, useState, type ReactNode } from 'react';
import type uPlot from 'uplot';
import { useNow } from '../clock';
import { age, duration, hm, hms, HOUR, localTime, MINUTE, number, percent, withUnit } from '../format';
import type { Part } from '../feed';
import type { Accuracy, Status, Target } from '../api/types';
import { Glyph } from '../parts/Glyph';
import { Chart, type BandStyle, type SeriesStyle } from './Chart';
import type { Crosshair } from './crosshair';
import { Empty, Failed, Loading } from './cover';
import { besideLine, textWidth, valueTicks, type Geometry, type GutterLabel, type Pixel } from './geometry';
import { Retrains } from './Retrains';
import { Rows } from './Rows';
import { lastOf, offScale, targetPicture, type TargetPicture } from './target-picture';

interface Props {
  part: Part<Target>; retrains: Accuracy['retrains']; status: Status | null; crosshair: Crosshair; theme: string; lost: boolean; retry: () => void;
}

const height = 286, heightNarrow = 250;

const series: SeriesStyle[] = [
  { color: null }, { color: null }, { color: null }, { color: null },
  { color: '--forecast', width: 1.25 }, { color: '--truth', width: 1.4 }, { color: '--candidate', width: 1.75, dash: [5, 3] }, { color: '--forecast', width: 2 },
];
const bands: BandStyle[] = [{ between: [1, 4], color: '--fan-90' }, { between: [2, 3], color: '--fan-50' }];

export function TargetChart({ part, retrains, status, crosshair, theme, lost, retry }: Props) {
  const now = useNow();
  const [asTable, setAsTable] = useState(false);
  const target = part.data;
  const picture = useMemo(() => (target ? targetPicture(target) : null), [target]);
  const data = useMemo(() => (picture ? columns(picture) : ([[], [], [], [], [], [], [], [], []] as uPlot.AlignedData)), [picture]);
  const label = target?.label ?? 'Target', unit = target?.unit ?? '';
  const x = range(picture, now);
  const y: [number, number] = picture?.y ?? [0, 1];
  const stale = part.error !== null && picture !== null;
  const words = target && picture ? { target, picture, unit, now } : null;
  return (
    <section className="sec" aria-labelledby="target">
      <header className="charthead">
        <h2 id="target">{label}</h2>
        <span className="dim">{target ? target.series + (unit ? `, ${unit}` : '') : '\u00a0'}</span>
        <span className="fill" />
        {stale && <span className="pill warn"><Glyph mark="warn" />stale: {staleness(picture, now)}</span>}
        {picture && <button type="button" className="btn ghost small" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>{asTable ? 'Chart' : 'Table'}</button>}
      </header>
      {asTable && words ? <Rows label={`Rows of ${label}`} height={height} columns={tableColumns(words)} rows={tableRows(words)} /> : (
        <Chart id="target" label={words ? sentence(words, label) : `${label}: nothing to show yet.`} height={height} heightNarrow={heightNarrow} x={x} y={y}
               yTicks={picture ? valueTicks(y[0], y[1], 4) : [0, 0.25, 0.5, 0.75, 1]} yFormat={picture ? number : () => ''}
               data={data} series={series} bands={bands} theme={theme} crosshair={crosshair} dim={stale || lost}
               stops={picture?.times ?? []} start={picture?.times[Math.max(0, picture.lastTruth)] ?? now}
               under={(g) => <Gaps g={g} gaps={picture?.gaps ?? []} />}
               over={(g) => <Marks g={g} now={now} words={words} retrains={retrains} />}
               labels={words ? gutterLabels(words) : []}
               tip={(time) => words && <Tip time={time} {...words} />} spoken={(time) => (words ? spoken(time, words) : '')}
               cover={cover(part, picture, status, retry)} />
      )}
    </section>
  );
}

interface Words { target: Target; picture: TargetPicture; unit: string; now: number }

const columns = (p: TargetPicture): uPlot.AlignedData => {
  const none = p.times.map(() => null);
  return [p.times, p.outer?.hi ?? none, p.inner?.hi ?? none, p.inner?.lo ?? none, p.outer?.lo ?? none, p.said, p.truth, p.candidate, p.median];
};

// From the first value to the end of the forecast, with now inside; never less than half an hour.
function range(picture: TargetPicture | null, now: number): [number, number] {
  if (!picture || picture.times.length === 0) return [now - 3 * HOUR, now + 30 * MINUTE];
  const first = picture.times[0] ?? now, last = picture.times[picture.times.length - 1] ?? now;
  const until = Math.max(last, now);
  return [Math.min(first, until - 30 * MINUTE), until];
}

function staleness(picture: TargetPicture, now: number): string {
  const at = picture.times[picture.lastTruth];
  return at === undefined ? 'not read again' : `newest row ${hm(at)}, ${age(at, now).replace(/ ago$/, ' old')}`;
}

function cover(part: Part<Target>, picture: TargetPicture | null, status: Status | null, retry: () => void): ReactNode {
  if (picture) return null;
  if (part.error?.status === 409) return <Empty title="No forecast is defined">{part.error.message}</Empty>;
  if (part.error) return <Failed part={part} retry={retry} />;
  if (!part.data) return <Loading what="Reading 3 hours" />;
  return <Empty title="No window has closed yet">The first point comes when one does. {status?.next[0] && `Next: ${status.next[0].what}`}</Empty>;
}

const steps = (t: Target): string => duration((t.said?.steps_before ?? 0) * t.step_ms);
const model = (version: number): string => `model\u00a0${version}`;

function gutterLabels({ target, picture: p }: Words): GutterLabel[] {
  const f = target.forecast, c = target.candidate, labels: GutterLabel[] = [];
  const add = (y: number | null, label: Omit<GutterLabel, 'y'>): void => { if (y !== null) labels.push({ y, ...label }); };
  if (f && p.outer) {
    add(lastOf(p.outer.hi), { text: percent(p.outer.hiTau), className: 'dim' });
    add(lastOf(p.outer.lo), { text: percent(p.outer.loTau), className: 'dim' });
  }
  if (f) add(lastOf(p.median), { text: `${model(f.version)} median`, short: model(f.version), className: 'forecast', strong: true });
  if (c) add(lastOf(p.candidate), { text: `${model(c.version)} in ${c.stage}`, short: model(c.version), className: 'candidate', strong: true });
  if (!f) add((p.y[0] + p.y[1]) / 2, { text: 'no forecast yet', short: 'no forecast', className: 'dim' });
  return labels;
}

function Gaps({ g, gaps }: { g: Geometry; gaps: { from: number; until: number }[] }) {
  return (
    <>
      <defs>
        <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect width="6" height="6" className="hatchground" /><line x1="0" y1="0" x2="0" y2="6" className="hatchline" />
        </pattern>
      </defs>
      {gaps.map((gap) => {
        const a = Math.max(g.L, g.x(gap.from)), b = Math.min(g.L + g.pw, g.x(gap.until));
        return b > a && <rect key={gap.from} x={a} width={b - a} y={g.T} height={g.ph} fill="url(#hatch)" data-gap="" />;
      })}
    </>
  );
}

function Marks({ g, now, words, retrains }: { g: Geometry; now: number; words: Words | null; retrains: Accuracy['retrains'] }) {
  const inside = (t: number): boolean => t >= g.x0 && t <= g.x1;
  const nowAt = g.x(now);
  return (
    <>
      <Retrains g={g} retrains={retrains} />
      {words && <PictureMarks g={g} nowAt={nowAt} {...words} />}
      {inside(now) && <><line className="now" x1={nowAt} x2={nowAt} y1={g.T - 4} y2={g.T + g.ph} /><text className="tx end strong" x={nowAt - 5} y={g.T + 6}>now</text></>}
    </>
  );
}

// Gap names, spikes off the scale, points that stand alone, and the names of the lines beside them.
function PictureMarks({ g, picture: p, target, nowAt }: { g: Geometry; nowAt: number } & Words) {
  const pixels = (line: (number | null)[]): Pixel[] => line.flatMap((v, i) => (v === null ? [] : [[g.x(p.times[i] ?? 0), Math.max(g.T, g.y(v))] as Pixel]));
  const truth = pixels(p.truth), said = pixels(p.said);
  const off = offScale(p.truth, p.y[1], Math.ceil((70 / g.pw) * p.times.length));
  const alone = p.truth.flatMap((v, i) => (v !== null && (p.truth[i - 1] ?? null) === null && (p.truth[i + 1] ?? null) === null && v <= p.y[1] ? [i] : []));
  const ends = Math.min(nowAt, g.L + g.pw) - 32;
  // What the names of the lines must not cover: the gaps over their whole height, and their names.
  const hatched = p.gaps.flatMap((gap): Pixel[] => {
    const a = Math.max(g.L, g.x(gap.from)), b = g.x(gap.until), out: Pixel[] = [];
    for (let x = a; x <= b; x += 6) for (let y = g.T; y <= g.T + g.ph; y += 8) out.push([x, y]);
    if (!g.narrow) for (let x = b; x <= b + textWidth('source gap, 10 min'); x += 6) out.push([x, g.T + g.ph - 8]);
    return b < g.L ? [] : out;
  });
  const saidText = `${g.narrow ? 'said' : 'what production said'} ${steps(target)} before`;
  const saidPlace = target.said ? besideLine(g, saidText, said, [truth, hatched], ['below', 'above'], [g.L + 4, ends], g.L + g.pw * 0.45) : null;
  const saidBox: Pixel[] = saidPlace ? Array.from({ length: 40 }, (_, k) => [saidPlace.x + (k * textWidth(saidText)) / 39, saidPlace.y - 4]) : [];
  const truthPlace = truth.length > 5 ? besideLine(g, 'truth', truth, [said, hatched, saidBox], ['above'], [g.L + 4, ends], g.L + g.pw * 0.3) : null;
  return (
    <>
      {alone.map((i) => <circle key={i} className="fill-truth" cx={g.x(p.times[i] ?? 0)} cy={g.y(p.truth[i] ?? 0)} r="1.5" />)}
      {off.map((i) => {
        const x = g.x(p.times[i] ?? 0), text = number(p.truth[i] ?? 0), left = x > ends - 40;
        return (
          <g key={i} data-off-scale="">
            <path className="fill-truth" d={`M${x} ${g.T - 9}l4 6h-8Z`} />
            <text className={`tx strong${left ? ' end' : ''}`} x={left ? x - 7 : x + 7} y={g.T - 3}>{text}</text>
          </g>
        );
      })}
      {!g.narrow && p.gaps.map((gap) => {
        const b = g.x(gap.until);
        return b > g.L + 4 && b < g.L + g.pw - 60 && <text key={gap.from} className="tx dim halo" x={b + 5} y={g.T + g.ph - 6}>source gap, {duration(gap.until - gap.from)}</text>;
      })}
      {truthPlace && <text className="tx truth strong halo" {...truthPlace}>truth</text>}
      {saidPlace && <text className="tx forecast halo" {...saidPlace}>{saidText}</text>}
    </>
  );
}

const indexAt = (p: TargetPicture, time: number): number => Math.round((time - (p.times[0] ?? 0)) / ((p.times[1] ?? 1) - (p.times[0] ?? 0) || 1));
const gapAt = (p: TargetPicture, time: number): boolean => p.gaps.some((gap) => time >= gap.from && time < gap.until);

// What is known of one moment, as pairs of a name and a value.
function facts(time: number, { target, picture: p, unit }: Words): [string, string][] {
  const i = indexAt(p, time), out: [string, string][] = [], said = p.said[i] ?? null, median = p.median[i] ?? null, candidate = p.candidate[i] ?? null;
  const value = (v: number): string => withUnit(v, unit === 'satoshi' ? 'sat' : unit);
  const span = (name: string, band: TargetPicture['outer']): void => {
    const lo = band?.lo[i] ?? null, hi = band?.hi[i] ?? null;
    if (band && lo !== null && hi !== null) out.push([`${percent(band.hiTau - band.loTau)} ${name}`, `${number(lo)} to ${value(hi)}`]);
  };
  if (i <= p.lastTruth || gapAt(p, time)) out.push(['truth', (p.truth[i] ?? null) !== null ? value(p.truth[i] ?? 0) : gapAt(p, time) ? 'source gap' : 'no value']);
  if (said !== null && target.said) out.push([`said at ${hm(time - target.said.steps_before * target.step_ms)}`, value(said)]);
  if (median !== null && target.forecast) out.push([`${model(target.forecast.version)} median`, value(median)]);
  span('interval', p.inner);
  span('interval', p.outer);
  if (candidate !== null && target.candidate) out.push([`${model(target.candidate.version)} in ${target.candidate.stage}`, value(candidate)]);
  return out;
}

const clockWords = (time: number, step: number): string => (step % MINUTE === 0 ? hm(time) : hms(time));

function Tip({ time, ...words }: { time: number } & Words) {
  const local = localTime(time);
  return (
    <>
      <div className="moment"><b>{clockWords(time, words.target.step_ms)}</b> UTC{local && `, ${local}`}, {age(time, words.now)}</div>
      <dl>{facts(time, words).map(([name, value], i) => <div key={name}><dt>{name}</dt><dd className={i === 0 ? 'strong' : undefined}>{value}</dd></div>)}</dl>
    </>
  );
}

const spoken = (time: number, words: Words): string => `${clockWords(time, words.target.step_ms)} UTC: ${facts(time, words).map((f) => f.join(' ')).join(', ')}.`;

// The chart in words: where it stands, where it is said to go, and how the newest hour met what had been said.
function sentence({ target, picture: p, unit }: Words, label: string): string {
  const at = p.times[p.lastTruth], parts: string[] = [];
  if (at !== undefined) parts.push(`${label}: ${withUnit(p.truth[p.lastTruth] ?? 0, unit)} at ${hm(at)} UTC.`);
  const end = p.median.reduce<number>((last, v, i) => (v === null ? last : i), -1);
  if (target.forecast && end >= 0) {
    const lo = p.outer?.lo[end] ?? null, hi = p.outer?.hi[end] ?? null;
    parts.push(`Model ${target.forecast.version} in ${target.forecast.stage} forecasts ${number(p.median[end] ?? 0)} for ${hm(p.times[end] ?? 0)}${
      lo !== null && hi !== null && p.outer ? `, ${percent(p.outer.hiTau - p.outer.loTau)} between ${number(lo)} and ${number(hi)}` : ''}.`);
  } else parts.push('No forecast yet.');
  const pairs = p.truth.flatMap((v, i) => (v !== null && (p.said[i] ?? null) !== null ? [[v, p.said[i] ?? 0] as const] : [])).slice(-60);
  const sum = (k: 0 | 1): number => pairs.reduce((s, pair) => s + pair[k], 0);
  if (pairs.length >= 10 && sum(1) > 0 && target.said) {
    const over = sum(0) / sum(1) - 1;
    parts.push(`The newest ${pairs.length} values ran ${percent(Math.abs(over))} ${over >= 0 ? 'above' : 'below'} what had been said ${steps(target)} before.`);
  }
  if (p.gaps.length) parts.push(`${p.gaps.length} source ${p.gaps.length === 1 ? 'gap' : 'gaps'}.`);
  return parts.join(' ');
}

function tableColumns({ target, picture: p }: Words) {
  return [
    { name: 'Window, UTC' }, { name: 'Truth', number: true }, { name: target.said ? `Said ${steps(target)} before` : 'Said before', number: true },
    ...(p.outer ? [{ name: percent(p.outer.loTau), number: true }] : []), { name: 'Median', number: true }, ...(p.outer ? [{ name: percent(p.outer.hiTau), number: true }] : []),
    ...(target.candidate ? [{ name: model(target.candidate.version), number: true }] : []),
  ];
}

function tableRows({ target, picture: p }: Words): (string | null)[][] {
  const cell = (line: (number | null)[], i: number): string | null => { const v = line[i] ?? null; return v === null ? null : number(v); };
  return p.times.map((time, i) => [
    clockWords(time, target.step_ms), gapAt(p, time) ? 'source gap' : cell(p.truth, i), cell(p.said, i),
    ...(p.outer ? [cell(p.outer.lo, i)] : []), cell(p.median, i), ...(p.outer ? [cell(p.outer.hi, i)] : []),
    ...(target.candidate ? [cell(p.candidate, i)] : []),
  ]).reverse();
}
