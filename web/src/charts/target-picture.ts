// The target's answer turned into what the chart draws: one grid of times, and a value or null for each line.
import { ms } from '../format';
import type { Target } from '../api/types';
import { valueRange } from './geometry';

type Line = (number | null)[];

export interface Band {
  lo: Line;
  hi: Line;
  loTau: number;
  hiTau: number;
}

export interface TargetPicture {
  times: number[];
  truth: Line;
  said: Line;
  median: Line;
  candidate: Line;
  outer: Band | null;
  inner: Band | null;
  gaps: { from: number; until: number }[];
  lastTruth: number; // index, -1: none
  y: [number, number];
}

const blank = (n: number): Line => new Array<number | null>(n).fill(null);

export function targetPicture(target: Target): TargetPicture | null {
  const step = target.step_ms,
    { forecast, candidate } = target;
  const starts = [target.start, forecast?.origin ?? null, candidate?.origin ?? null].filter((t): t is string => t !== null).map(ms);
  const first = Math.min(...starts);
  if (!Number.isFinite(first)) return null;
  const at = (time: string): number => Math.round((ms(time) - first) / step);
  const horizon = forecast ? Math.max(0, ...Object.values(forecast.quantiles).map((q) => q.length)) : 0;
  const length = Math.max(
    target.start ? at(target.start) + target.values.length : 0,
    forecast ? at(forecast.origin) + horizon : 0,
    candidate ? at(candidate.origin) + candidate.median.length : 0,
  );
  const put = (values: Line | undefined, offset: number): Line => {
    const line = blank(length);
    values?.forEach((v, i) => {
      if (offset + i >= 0 && offset + i < length) line[offset + i] = v;
    });
    return line;
  };

  const truth = put(target.values, target.start ? at(target.start) : 0);
  const said = put(target.said?.values, target.start ? at(target.start) : 0);
  const taus = forecast
    ? Object.keys(forecast.quantiles)
        .map(Number)
        .sort((a, b) => a - b)
    : [];
  const of = (tau: number): Line => {
    const key = forecast && Object.keys(forecast.quantiles).find((k) => Number(k) === tau);
    return put(key ? forecast.quantiles[key] : undefined, forecast ? at(forecast.origin) : 0);
  };
  const band = (k: number): Band | null => {
    const loTau = taus[k],
      hiTau = taus[taus.length - 1 - k];
    return loTau === undefined || hiTau === undefined || loTau >= 0.5 || hiTau <= 0.5
      ? null
      : { lo: of(loTau), hi: of(hiTau), loTau, hiTau };
  };
  const outer = band(0),
    inner = band(1);
  const median = taus.includes(0.5) ? of(0.5) : blank(length);
  const candidateLine = put(candidate?.median, candidate ? at(candidate.origin) : 0);

  const known = (...lines: Line[]): number[] => lines.flat().filter((v): v is number => v !== null);
  return {
    times: Array.from({ length }, (_, i) => first + i * step),
    truth,
    said,
    median,
    candidate: candidateLine,
    outer,
    inner,
    gaps: target.gaps.map((g) => ({ from: ms(g.from), until: ms(g.until) })),
    lastTruth: truth.reduce<number>((last, v, i) => (v === null ? last : i), -1),
    y: valueRange(known(truth), known(said, median, candidateLine, outer?.lo ?? [], outer?.hi ?? [])),
  };
}

export const lastOf = (line: Line): number | null => line.reduce<number | null>((last, v) => v ?? last, null);

// The points that lie above `top`, of each cluster within `near` steps only the highest.
export function offScale(line: Line, top: number, near: number): number[] {
  const out: number[] = [];
  line.forEach((v, i) => {
    if (v === null || v <= top) return;
    const last = out[out.length - 1];
    if (last !== undefined && i - last < near) {
      if (v > (line[last] ?? 0)) out[out.length - 1] = i;
    } else out.push(i);
  });
  return out;
}
