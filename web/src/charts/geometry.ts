// Where things stand in a chart: pure functions from data to pixels and back.
import { DAY, HOUR, MINUTE, SECOND } from '../format';

export interface Geometry {
  W: number;
  H: number; // the whole picture, px
  L: number;
  R: number;
  T: number;
  B: number; // gutters
  pw: number;
  ph: number; // the plot inside them
  x0: number;
  x1: number; // time, ms
  y0: number;
  y1: number;
  narrow: boolean;
  x(time: number): number;
  y(value: number): number;
  time(px: number): number;
}

export interface Gutters {
  L: number;
  R: number;
  T: number;
  B: number;
}

export function geometry(
  W: number,
  H: number,
  gutters: Gutters,
  narrow: boolean,
  [x0, x1]: [number, number],
  [y0, y1]: [number, number],
): Geometry {
  const { L, R, T, B } = gutters,
    pw = Math.max(1, W - L - R),
    ph = Math.max(1, H - T - B);
  return {
    W,
    H,
    L,
    R,
    T,
    B,
    pw,
    ph,
    x0,
    x1,
    y0,
    y1,
    narrow,
    x: (time) => L + ((time - x0) / (x1 - x0)) * pw,
    y: (value) => T + (1 - (value - y0) / (y1 - y0)) * ph,
    time: (px) => x0 + ((px - L) / pw) * (x1 - x0),
  };
}

const steps = [
  SECOND,
  5 * SECOND,
  15 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  3 * HOUR,
  4 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  7 * DAY,
];

// At most one tick per 62 px, on round times.
export function timeTicks(from: number, until: number, px: number): number[] {
  const step = steps.find((s) => ((until - from) / s) * 62 <= px) ?? 7 * DAY;
  const ticks: number[] = [];
  for (let t = Math.ceil(from / step) * step; t <= until; t += step) ticks.push(t);
  return ticks;
}

// Round values in [lo, hi], about `count` of them.
export function valueTicks(lo: number, hi: number, count: number): number[] {
  const rough = (hi - lo) / count,
    power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((s) => s * power >= rough) ?? 10) * power;
  const ticks: number[] = [];
  for (let k = Math.ceil(lo / step - 1e-9); k * step <= hi * (1 + 1e-9); k++) ticks.push(Number((k * step).toPrecision(12)));
  return ticks;
}

export function quantile(values: number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}

// A range for `values` that a few spikes do not squash; `all` must fit unless it is far above.  From 0 for amounts, unless
// they all stand far above it.
export function valueRange(values: number[], all: number[]): [number, number] {
  if (values.length === 0 && all.length === 0) return [0, 1];
  const most = values.length ? quantile(values, 0.985) : Math.max(...all),
    top = values.length ? Math.max(...values) : most;
  const typical = top <= 1.5 * most ? top : most;
  const lowest = Math.min(...values, ...all);
  let hi = Math.max(typical, Math.min(Math.max(typical, ...all), typical > 0 ? 2.5 * typical : Infinity));
  let lo = lowest >= 0 && lowest < 0.6 * hi ? 0 : lowest;
  if (hi <= lo) {
    hi = lo + Math.max(1, Math.abs(lo) * 0.1);
    if (lo !== 0) lo -= Math.max(1, Math.abs(lo) * 0.1);
  }
  const room = 0.08 * (hi - lo);
  return [lo === 0 ? 0 : lo - room, hi + room];
}

export interface GutterLabel {
  y: number;
  text: string;
  short?: string;
  className?: string;
  strong?: boolean;
}

// Labels at their values, pushed apart to 13 px, none above or below the plot.  y comes in and goes out in pixels.
export function pushApart<T extends { y: number }>(labels: T[], top: number, bottom: number): T[] {
  const gap = 13,
    out = labels.map((l) => ({ ...l, y: Math.min(Math.max(l.y, top), bottom) })).sort((a, b) => a.y - b.y);
  for (let round = 0; round < 20; round++) {
    let moved = false;
    for (let i = 1; i < out.length; i++) {
      const above = out[i - 1],
        below = out[i];
      if (!above || !below || below.y - above.y >= gap - 0.01) continue;
      const push = (gap - (below.y - above.y)) / 2;
      above.y -= push;
      below.y += push;
      moved = true;
    }
    const first = out[0],
      last = out[out.length - 1];
    if (first && first.y < top) first.y = top;
    if (last && last.y > bottom) last.y = bottom;
    if (!moved) break;
  }
  return out;
}

let canvas: CanvasRenderingContext2D | null | undefined;
export function textWidth(text: string): number {
  canvas ??= document.createElement('canvas').getContext('2d');
  if (!canvas) return 6.5 * text.length;
  canvas.font = `600 11px ${getComputedStyle(document.body).fontFamily}`;
  return canvas.measureText(text).width;
}

export type Pixel = [number, number];

// A place for `text` beside a line (above or below it, the nearer the better) where it covers no other; null where there is none.
export function besideLine(
  g: Geometry,
  text: string,
  line: Pixel[],
  others: Pixel[][],
  sides: ('above' | 'below')[],
  range: [number, number],
  prefer: number,
): { x: number; y: number } | null {
  const w = textWidth(text);
  let best: { x: number; y: number } | null = null,
    least = Infinity;
  for (let x = range[0]; x + w <= range[1]; x += 9) {
    const under = line.filter(([px]) => px >= x - 3 && px <= x + w + 3).map(([, py]) => py);
    if (under.length < Math.min(4, line.length)) continue;
    const high = Math.min(...under),
      low = Math.max(...under);
    const near = others.flatMap((o) => o.filter(([px]) => px >= x - 4 && px <= x + w + 4).map(([, py]) => py));
    for (const side of sides)
      for (let away = 0; away <= 84; away += 7) {
        const y = side === 'above' ? high - 5 - away : low + 13 + away;
        const cost = low - high + 1.5 * away + 0.06 * Math.abs(x + w / 2 - prefer);
        if (cost >= least || y - 10 < g.T || y + 3 > g.T + g.ph || near.some((py) => py > y - 13 && py < y + 5)) continue;
        least = cost;
        best = { x, y };
      }
  }
  return best;
}

// Index of the value nearest to `x` in an ascending list, -1 in an empty one.
export function nearest(list: number[], x: number): number {
  let lo = 0,
    hi = list.length - 1;
  if (hi < 0) return -1;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if ((list[mid] ?? 0) < x) lo = mid + 1;
    else hi = mid;
  }
  const before = list[lo - 1];
  return before !== undefined && x - before < (list[lo] ?? 0) - x ? lo - 1 : lo;
}
