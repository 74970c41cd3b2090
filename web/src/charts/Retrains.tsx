// A retrain is a dotted line through every chart of the page, with its run beside it where there is room.
import { ms } from '../format';
import type { Accuracy } from '../api/types';
import { textWidth, type Geometry } from './geometry';

// `taken`: from where to where another name stands at the top.
export function Retrains({ g, retrains, taken }: { g: Geometry; retrains: Accuracy['retrains']; taken?: [number, number] }) {
  const shown = retrains
    .map((r) => ({ ...r, x: g.x(ms(r.at)) }))
    .filter((r) => r.x >= g.L && r.x <= g.L + g.pw)
    .sort((a, b) => a.x - b.x);
  let free = g.L; // Where the next name may begin.
  return (
    <>
      {shown.map((r, i) => {
        const name = `run\u00a0${r.run}`,
          w = textWidth(name),
          end = shown[i + 1]?.x ?? g.L + g.pw;
        const clear = (from: number, until: number): boolean => !taken || until < taken[0] || from > taken[1];
        const right = r.x + 5 + w < end && clear(r.x, r.x + 5 + w),
          left = !right && r.x - 5 - w > free && clear(r.x - 5 - w, r.x);
        free = right ? r.x + 5 + w : r.x;
        return (
          <g key={`${r.at} ${r.run}`} data-retrain={r.run}>
            <line className="retrain" x1={r.x} x2={r.x} y1={g.T} y2={g.T + g.ph} />
            {(right || left) && (
              <text className={`tx dim halo${right ? '' : ' end'}`} x={right ? r.x + 5 : r.x - 5} y={g.T + 8}>
                {name}
              </text>
            )}
          </g>
        );
      })}
    </>
  );
}
