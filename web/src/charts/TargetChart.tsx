// The target: what was, what had been said of it, what comes.
import { useMemo, useState, type ReactNode } from 'react';
import type uPlot from 'uplot';
import { useNow } from '../clock';
import { age, hm, HOUR, MINUTE, number } from '../format';
import type { Part } from '../feed';
import type { Accuracy, Status, Target } from '../api/types';
import { Glyph } from '../parts/Glyph';
import { Chart, type BandStyle, type SeriesStyle } from './Chart';
import type { Crosshair } from './crosshair';
import { Empty, Failed, Loading } from './cover';
import { valueTicks } from './geometry';
import { Rows } from './Rows';
import { targetPicture, type TargetPicture } from './target-picture';
import { gutterLabels, sentence, spoken, tableColumns, tableRows, Tip } from './target-words';
import { Gaps, Marks } from './TargetMarks';

interface Props {
  part: Part<Target>;
  retrains: Accuracy['retrains'];
  status: Status | null;
  crosshair: Crosshair;
  theme: string;
  lost: boolean;
  retry: () => void;
}

const height = 286,
  heightNarrow = 250;

const series: SeriesStyle[] = [
  { color: null },
  { color: null },
  { color: null },
  { color: null },
  { color: '--forecast', width: 1.25 },
  { color: '--truth', width: 1.4 },
  { color: '--candidate', width: 1.75, dash: [5, 3] },
  { color: '--forecast', width: 2 },
];
const bands: BandStyle[] = [
  { between: [1, 4], color: '--fan-90' },
  { between: [2, 3], color: '--fan-50' },
];

export function TargetChart({ part, retrains, status, crosshair, theme, lost, retry }: Props) {
  const now = useNow();
  const [asTable, setAsTable] = useState(false);
  const target = part.data;
  const picture = useMemo(() => (target ? targetPicture(target) : null), [target]);
  const data = useMemo(() => (picture ? columns(picture) : ([[], [], [], [], [], [], [], [], []] as uPlot.AlignedData)), [picture]);
  const label = target?.label ?? 'Target',
    unit = target?.unit ?? '';
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
        {stale && (
          <span className="pill warn">
            <Glyph mark="warn" />
            stale: {staleness(picture, now)}
          </span>
        )}
        {picture && (
          <button type="button" className="btn ghost small" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
            {asTable ? 'Chart' : 'Table'}
          </button>
        )}
      </header>
      {asTable && words ? (
        <Rows label={`Rows of ${label}`} height={height} columns={tableColumns(words)} rows={tableRows(words)} />
      ) : (
        <Chart
          id="target"
          label={words ? sentence(words, label) : `${label}: nothing to show yet.`}
          height={height}
          heightNarrow={heightNarrow}
          x={x}
          y={y}
          yTicks={picture ? valueTicks(y[0], y[1], 4) : [0, 0.25, 0.5, 0.75, 1]}
          yFormat={picture ? number : () => ''}
          data={data}
          series={series}
          bands={bands}
          theme={theme}
          crosshair={crosshair}
          dim={stale || lost}
          stops={picture?.times ?? []}
          start={picture?.times[Math.max(0, picture.lastTruth)] ?? now}
          under={(g) => <Gaps g={g} gaps={picture?.gaps ?? []} />}
          over={(g) => <Marks g={g} now={now} words={words} retrains={retrains} />}
          labels={words ? gutterLabels(words) : []}
          tip={(time) => words && <Tip time={time} {...words} />}
          spoken={(time) => (words ? spoken(time, words) : '')}
          cover={cover(part, picture, status, retry)}
        />
      )}
    </section>
  );
}

const columns = (p: TargetPicture): uPlot.AlignedData => {
  const none = p.times.map(() => null);
  return [
    p.times,
    p.outer?.hi ?? none,
    p.inner?.hi ?? none,
    p.inner?.lo ?? none,
    p.outer?.lo ?? none,
    p.said,
    p.truth,
    p.candidate,
    p.median,
  ];
};

// From the first value to the end of the forecast, with now inside; never less than half an hour.
function range(picture: TargetPicture | null, now: number): [number, number] {
  if (!picture || picture.times.length === 0) return [now - 3 * HOUR, now + 30 * MINUTE];
  const first = picture.times[0] ?? now,
    last = picture.times[picture.times.length - 1] ?? now;
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
  return (
    <Empty title="No window has closed yet">
      The first point comes when one does. {status?.next[0] && `Next: ${status.next[0].what}`}
    </Empty>
  );
}
