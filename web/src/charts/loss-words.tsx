// The loss chart in words: the facts of one evaluation, the sentence, the labels at the lines' ends, the rows of the table.
import { day, hm, loss, ms, percent, sameDay } from '../format';
import type { Accuracy, Evaluation } from '../api/types';
import type { GutterLabel } from './geometry';

export const label = (version: number): string => `model\u00a0${version}`;

export function gutterLabels(a: Accuracy): GutterLabel[] {
  const labels: GutterLabel[] = [];
  if (a.threshold !== null)
    labels.push({
      y: a.threshold,
      text: `threshold ${loss(a.threshold)}`,
      short: `thr. ${loss(a.threshold)}`,
      className: 'threshold',
    });
  const add = (evaluations: Evaluation[], className: string): void => {
    const last = evaluations.filter((e) => e.loss !== null).at(-1);
    if (last && last.loss !== null)
      labels.push({
        y: last.loss,
        text: `${label(last.version)} ${loss(last.loss)}`,
        short: `${last.version}: ${loss(last.loss)}`,
        className,
        strong: true,
      });
  };
  add(a.evaluations, 'forecast');
  add(a.staging, 'candidate');
  return labels;
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

export function Tip({ time, accuracy }: { time: number; accuracy: Accuracy }) {
  const { title, rows } = facts(time, accuracy);
  if (rows.length === 0) return null;
  return (
    <>
      <div className="moment">
        evaluation of <b>{title}</b> UTC
      </div>
      <dl>
        {rows.map(([name, value], i) => (
          <div key={name + String(i)}>
            <dt>{name}</dt>
            <dd className={i === 0 ? 'strong' : undefined}>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

export const spoken = (time: number, a: Accuracy): string => {
  const f = facts(time, a);
  return `Evaluation of ${f.title} UTC: ${f.rows.map((r) => r.join(' ')).join(', ')}.`;
};

export function sentence(a: Accuracy): string {
  const judged = a.evaluations.filter((e) => e.loss !== null),
    last = judged.at(-1);
  if (!last || last.loss === null) return `Loss of ${a.stage}: no evaluation yet.`;
  const breaches = judged.filter((e) => e.breach).length,
    open = a.alarms.find((one) => one.until === null);
  return (
    `Loss of ${a.stage} over 24 hours: ${loss(last.loss)} at ${hm(ms(last.at))} UTC${last.threshold !== null ? `, threshold ${loss(last.threshold)}` : ''}. ` +
    `${breaches} of ${judged.length} evaluations breached.${open ? ` ALARM since ${sameDay(ms(open.from), ms(a.now)) ? '' : `${day(ms(open.from))} `}${hm(ms(open.from))}.` : ''}`
  );
}

export const tableColumns = [
  { name: 'At, UTC' },
  { name: 'Model' },
  { name: 'Loss', number: true },
  { name: '90\u202f% interval', number: true },
  { name: 'Threshold', number: true },
  { name: 'Naive', number: true },
  { name: 'Forecasts', number: true },
  { name: 'Verdict' },
];

export function tableRows(a: Accuracy): string[][] {
  const text = (v: number | null): string => (v === null ? '' : loss(v));
  const staged = new Set(a.staging);
  return [...a.evaluations, ...a.staging]
    .sort((p, q) => ms(q.at) - ms(p.at))
    .map((e) => [
      `${day(ms(e.at))} ${hm(ms(e.at))}`,
      `${label(e.version)}${staged.has(e) ? ' in staging' : ''}`,
      text(e.loss),
      e.low !== null && e.up !== null ? `${loss(e.low)} to ${loss(e.up)}` : '',
      text(e.threshold),
      text(e.naive),
      String(e.forecasts),
      verdict(e),
    ]);
}
