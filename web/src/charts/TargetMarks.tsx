// What stands in the target's chart besides the lines: now, gaps, retrains, spikes off the scale, the names of the lines.
import { duration, number } from '../format';
import type { Accuracy } from '../api/types';
import { besideLine, textWidth, type Geometry, type Pixel } from './geometry';
import { Retrains } from './Retrains';
import { offScale } from './target-picture';
import { steps, type Words } from './target-words';

export function Gaps({ g, gaps }: { g: Geometry; gaps: { from: number; until: number }[] }) {
  return (
    <>
      <defs>
        <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect width="6" height="6" className="hatchground" />
          <line x1="0" y1="0" x2="0" y2="6" className="hatchline" />
        </pattern>
      </defs>
      {gaps.map((gap) => {
        const a = Math.max(g.L, g.x(gap.from)),
          b = Math.min(g.L + g.pw, g.x(gap.until));
        return b > a && <rect key={gap.from} x={a} width={b - a} y={g.T} height={g.ph} fill="url(#hatch)" data-gap="" />;
      })}
    </>
  );
}

export function Marks({
  g,
  now,
  words,
  retrains,
}: {
  g: Geometry;
  now: number;
  words: Words | null;
  retrains: Accuracy['retrains'];
}) {
  const inside = (t: number): boolean => t >= g.x0 && t <= g.x1;
  const nowAt = g.x(now);
  return (
    <>
      <Retrains g={g} retrains={retrains} taken={inside(now) ? [nowAt - 5 - textWidth('now') - 4, nowAt] : undefined} />
      {words && <PictureMarks g={g} nowAt={nowAt} {...words} />}
      {inside(now) && (
        <>
          <line className="now" x1={nowAt} x2={nowAt} y1={g.T - 4} y2={g.T + g.ph} />
          <text className="tx end strong" x={nowAt - 5} y={g.T + 6}>
            now
          </text>
        </>
      )}
    </>
  );
}

// Gap names, spikes off the scale, points that stand alone, and the names of the lines beside them.
function PictureMarks({ g, picture: p, target, nowAt }: { g: Geometry; nowAt: number } & Words) {
  const pixels = (line: (number | null)[]): Pixel[] =>
    line.flatMap((v, i) => (v === null ? [] : [[g.x(p.times[i] ?? 0), Math.max(g.T, g.y(v))] as Pixel]));
  const truth = pixels(p.truth),
    said = pixels(p.said);
  const off = offScale(p.truth, p.y[1], Math.ceil((70 / g.pw) * p.times.length));
  const alone = p.truth.flatMap((v, i) =>
    v !== null && (p.truth[i - 1] ?? null) === null && (p.truth[i + 1] ?? null) === null && v <= p.y[1] ? [i] : [],
  );
  const ends = Math.min(nowAt, g.L + g.pw) - 32;
  // What the names of the lines must not cover: the gaps over their whole height, and their names.
  const hatched = p.gaps.flatMap((gap): Pixel[] => {
    const a = Math.max(g.L, g.x(gap.from)),
      b = g.x(gap.until),
      out: Pixel[] = [];
    for (let x = a; x <= b; x += 6) for (let y = g.T; y <= g.T + g.ph; y += 8) out.push([x, y]);
    if (!g.narrow) for (let x = b; x <= b + textWidth('source gap, 10 min'); x += 6) out.push([x, g.T + g.ph - 8]);
    return b < g.L ? [] : out;
  });
  const saidText = `${g.narrow ? 'said' : 'what production said'} ${steps(target)} before`;
  const saidPlace = target.said
    ? besideLine(g, saidText, said, [truth, hatched], ['below', 'above'], [g.L + 4, ends], g.L + g.pw * 0.45)
    : null;
  const saidBox: Pixel[] = saidPlace
    ? Array.from({ length: 40 }, (_, k) => [saidPlace.x + (k * textWidth(saidText)) / 39, saidPlace.y - 4])
    : [];
  const truthPlace =
    truth.length > 5 ? besideLine(g, 'truth', truth, [said, hatched, saidBox], ['above'], [g.L + 4, ends], g.L + g.pw * 0.3) : null;
  return (
    <>
      {alone.map((i) => (
        <circle key={i} className="fill-truth" cx={g.x(p.times[i] ?? 0)} cy={g.y(p.truth[i] ?? 0)} r="1.5" />
      ))}
      {off.map((i) => {
        const x = g.x(p.times[i] ?? 0),
          text = number(p.truth[i] ?? 0),
          left = x > ends - 40;
        return (
          <g key={i} data-off-scale="">
            <path className="fill-truth" d={`M${x} ${g.T - 9}l4 6h-8Z`} />
            <text className={`tx strong${left ? ' end' : ''}`} x={left ? x - 7 : x + 7} y={g.T - 3}>
              {text}
            </text>
          </g>
        );
      })}
      {!g.narrow &&
        p.gaps.map((gap) => {
          const b = g.x(gap.until);
          return (
            b > g.L + 4 &&
            b < g.L + g.pw - 60 && (
              <text key={gap.from} className="tx dim halo" x={b + 5} y={g.T + g.ph - 6}>
                source gap, {duration(gap.until - gap.from)}
              </text>
            )
          );
        })}
      {truthPlace && (
        <text className="tx truth strong halo" {...truthPlace}>
          truth
        </text>
      )}
      {saidPlace && (
        <text className="tx forecast halo" {...saidPlace}>
          {saidText}
        </text>
      )}
    </>
  );
}
