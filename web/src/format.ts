// Words for numbers and times.  UTC everywhere; times are milliseconds since 1970.
export const SECOND = 1000,
  MINUTE = 60 * SECOND,
  HOUR = 60 * MINUTE,
  DAY = 24 * HOUR;

export const nb = '\u00a0'; // between a number and its unit
export const narrow = '\u202f'; // before %
export const minus = '\u2212';

export const ms = (time: string): number => Date.parse(time);
export const msOrNull = (time: string | null): number | null => (time === null ? null : Date.parse(time));

const real = (text: string): string => text.replace('-', minus);

// Digits after the point so that four figures show: 3,120; 48.2; 0.0512.
export function number(value: number): string {
  const size = Math.abs(value);
  const digits = size >= 1000 || Number.isInteger(value) ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : size === 0 ? 0 : 4;
  return real(value.toLocaleString('en-GB', { maximumFractionDigits: digits, minimumFractionDigits: size >= 1000 ? 0 : digits }));
}
export const withUnit = (value: number, unit: string): string => number(value) + (unit ? nb + unit : '');
export const loss = (value: number): string => real(value.toFixed(3));
export const percent = (value: number, digits = 0): string => real((100 * value).toFixed(digits)) + narrow + '%';

export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let k = 0;
  while (n >= 1000 && k < units.length - 1) {
    n /= 1000;
    k++;
  }
  return `${n < 10 && k > 0 ? n.toFixed(1) : Math.round(n)}${nb}${units[k]}`;
}

// 41 s; 2 min 5 s; 12 min; 2 h 7 min; 12 d 4 h: never more than two units.
export function duration(length_ms: number): string {
  const s = Math.max(0, Math.round(length_ms / SECOND));
  if (s < 60) return `${s}${nb}s`;
  const m = Math.floor(s / 60);
  if (m < 60) return `${m}${nb}min${m < 10 && s % 60 ? ` ${s % 60}${nb}s` : ''}`;
  const h = Math.floor(m / 60);
  if (h < 48) return `${h}${nb}h${m % 60 ? ` ${m % 60}${nb}min` : ''}`;
  return `${Math.floor(h / 24)}${nb}d${h % 24 ? ` ${h % 24}${nb}h` : ''}`;
}

export const age = (time: number, now: number): string =>
  time <= now ? `${duration(now - time)} ago` : `in ${duration(time - now)}`;

// Keeps a number and its unit, and a model and its version, on one line.
export const tied = (text: string): string =>
  text.replace(/(\d) (?=(?:s|ms|min|h|d|sat|MB|GB)\b)/g, `$1${nb}`).replace(/\b(models?|runs?) (?=\d)/gi, `$1${nb}`);

const iso = (time: number): string => new Date(time).toISOString();
export const hm = (time: number): string => iso(time).slice(11, 16);
export const hms = (time: number): string => iso(time).slice(11, 19);
export const urlTime = (time: number): string => iso(time).replace('.000Z', 'Z');
const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
export function day(time: number): string {
  const d = new Date(time);
  return `${weekdays[d.getUTCDay()]} ${d.getUTCDate()} ${months[d.getUTCMonth()]}`;
}
export const sameDay = (a: number, b: number): boolean => Math.floor(a / DAY) === Math.floor(b / DAY);

// The reader's own time of day with its zone, or null where that is UTC.
export function localTime(time: number): string | null {
  if (new Date(time).getTimezoneOffset() === 0) return null;
  return new Date(time).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', timeZoneName: 'short' });
}
