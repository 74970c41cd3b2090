// The target's chart in words: the facts of one moment, the sentence, the labels at the lines' ends, the rows of the table.
import { age, duration, hm, hms, localTime, MINUTE, number, percent, withUnit } from '../format';
import type { Target } from '../api/types';
import type { GutterLabel } from './geometry';
import { lastOf, type TargetPicture } from './target-picture';

export interface Words {
  target: Target;
  picture: TargetPicture;
  unit: string;
  now: number;
}

export const steps = (t: Target): string => duration((t.said?.steps_before ?? 0) * t.step_ms);
const model = (version: number): string => `model\u00a0${version}`;

export function gutterLabels({ target, picture: p }: Words): GutterLabel[] {
  const f = target.forecast,
    c = target.candidate,
    labels: GutterLabel[] = [];
  const add = (y: number | null, label: Omit<GutterLabel, 'y'>): void => {
    if (y !== null) labels.push({ y, ...label });
  };
  if (f && p.outer) {
    add(lastOf(p.outer.hi), { text: percent(p.outer.hiTau), className: 'dim' });
    add(lastOf(p.outer.lo), { text: percent(p.outer.loTau), className: 'dim' });
  }
  if (f)
    add(lastOf(p.median), { text: `${model(f.version)} median`, short: model(f.version), className: 'forecast', strong: true });
  if (c)
    add(lastOf(p.candidate), {
      text: `${model(c.version)} in ${c.stage}`,
      short: model(c.version),
      className: 'candidate',
      strong: true,
    });
  if (!f) add((p.y[0] + p.y[1]) / 2, { text: 'no forecast yet', short: 'no forecast', className: 'dim' });
  return labels;
}

const indexAt = (p: TargetPicture, time: number): number =>
  Math.round((time - (p.times[0] ?? 0)) / ((p.times[1] ?? 1) - (p.times[0] ?? 0) || 1));
const gapAt = (p: TargetPicture, time: number): boolean => p.gaps.some((gap) => time >= gap.from && time < gap.until);

// What is known of one moment, as pairs of a name and a value.
function facts(time: number, { target, picture: p, unit }: Words): [string, string][] {
  const i = indexAt(p, time),
    out: [string, string][] = [],
    said = p.said[i] ?? null,
    median = p.median[i] ?? null,
    candidate = p.candidate[i] ?? null;
  const value = (v: number): string => withUnit(v, unit === 'satoshi' ? 'sat' : unit);
  const span = (name: string, band: TargetPicture['outer']): void => {
    const lo = band?.lo[i] ?? null,
      hi = band?.hi[i] ?? null;
    if (band && lo !== null && hi !== null)
      out.push([`${percent(band.hiTau - band.loTau)} ${name}`, `${number(lo)} to ${value(hi)}`]);
  };
  if (i <= p.lastTruth || gapAt(p, time))
    out.push(['truth', (p.truth[i] ?? null) !== null ? value(p.truth[i] ?? 0) : gapAt(p, time) ? 'source gap' : 'no value']);
  if (said !== null && target.said) out.push([`said at ${hm(time - target.said.steps_before * target.step_ms)}`, value(said)]);
  if (median !== null && target.forecast) out.push([`${model(target.forecast.version)} median`, value(median)]);
  span('interval', p.inner);
  span('interval', p.outer);
  if (candidate !== null && target.candidate)
    out.push([`${model(target.candidate.version)} in ${target.candidate.stage}`, value(candidate)]);
  return out;
}

const clockWords = (time: number, step: number): string => (step % MINUTE === 0 ? hm(time) : hms(time));

export function Tip({ time, ...words }: { time: number } & Words) {
  const local = localTime(time);
  return (
    <>
      <div className="moment">
        <b>{clockWords(time, words.target.step_ms)}</b> UTC{local && `, ${local}`}, {age(time, words.now)}
      </div>
      <dl>
        {facts(time, words).map(([name, value], i) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className={i === 0 ? 'strong' : undefined}>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

export const spoken = (time: number, words: Words): string =>
  `${clockWords(time, words.target.step_ms)} UTC: ${facts(time, words)
    .map((f) => f.join(' '))
    .join(', ')}.`;

// The chart in words: where it stands, where it is said to go, and how the newest hour met what had been said.
export function sentence({ target, picture: p, unit }: Words, label: string): string {
  const at = p.times[p.lastTruth],
    parts: string[] = [];
  if (at !== undefined) parts.push(`${label}: ${withUnit(p.truth[p.lastTruth] ?? 0, unit)} at ${hm(at)} UTC.`);
  const end = p.median.reduce<number>((last, v, i) => (v === null ? last : i), -1);
  if (target.forecast && end >= 0) {
    const lo = p.outer?.lo[end] ?? null,
      hi = p.outer?.hi[end] ?? null;
    parts.push(
      `Model ${target.forecast.version} in ${target.forecast.stage} forecasts ${number(p.median[end] ?? 0)} for ${hm(p.times[end] ?? 0)}${
        lo !== null && hi !== null && p.outer
          ? `, ${percent(p.outer.hiTau - p.outer.loTau)} between ${number(lo)} and ${number(hi)}`
          : ''
      }.`,
    );
  } else parts.push('No forecast yet.');
  const pairs = p.truth
    .flatMap((v, i) => (v !== null && (p.said[i] ?? null) !== null ? [[v, p.said[i] ?? 0] as const] : []))
    .slice(-60);
  const sum = (k: 0 | 1): number => pairs.reduce((s, pair) => s + pair[k], 0);
  if (pairs.length >= 10 && sum(1) > 0 && target.said) {
    const over = sum(0) / sum(1) - 1;
    parts.push(
      `The newest ${pairs.length} values ran ${percent(Math.abs(over))} ${over >= 0 ? 'above' : 'below'} what had been said ${steps(target)} before.`,
    );
  }
  if (p.gaps.length) parts.push(`${p.gaps.length} source ${p.gaps.length === 1 ? 'gap' : 'gaps'}.`);
  return parts.join(' ');
}

export function tableColumns({ target, picture: p }: Words) {
  return [
    { name: 'Window, UTC' },
    { name: 'Truth', number: true },
    { name: target.said ? `Said ${steps(target)} before` : 'Said before', number: true },
    ...(p.outer ? [{ name: percent(p.outer.loTau), number: true }] : []),
    { name: 'Median', number: true },
    ...(p.outer ? [{ name: percent(p.outer.hiTau), number: true }] : []),
    ...(target.candidate ? [{ name: model(target.candidate.version), number: true }] : []),
  ];
}

export function tableRows({ target, picture: p }: Words): (string | null)[][] {
  const cell = (line: (number | null)[], i: number): string | null => {
    const v = line[i] ?? null;
    return v === null ? null : number(v);
  };
  return p.times
    .map((time, i) => [
      clockWords(time, target.step_ms),
      gapAt(p, time) ? 'source gap' : cell(p.truth, i),
      cell(p.said, i),
      ...(p.outer ? [cell(p.outer.lo, i)] : []),
      cell(p.median, i),
      ...(p.outer ? [cell(p.outer.hi, i)] : []),
      ...(target.candidate ? [cell(p.candidate, i)] : []),
    ])
    .reverse();
}
