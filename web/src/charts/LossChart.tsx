// The loss of production over a day against its threshold: one mark an evaluation, and what the loss led to.
import { useMemo, useState, type ReactNode } from 'react';
import type uPlot from 'uplot';
import { useNow } from '../clock';
import { duration, hm, HOUR, ms } from '../format';
import type { Part } from '../feed';
import type { Accuracy, Evaluation, Status } from '../api/types';
import { Glyph } from '../parts/Glyph';
import { Chart, type SeriesStyle } from './Chart';
import type { Crosshair } from './crosshair';
import { Empty, Failed, Loading } from './cover';
import { quantile, valueTicks } from './geometry';
import { gutterLabels, sentence, spoken, tableColumns, tableRows, Tip } from './loss-words';
import { Marks, Washes } from './LossMarks';
import { Rows } from './Rows';

interface Props {
  part: Part<Accuracy>;
  status: Status | null;
  crosshair: Crosshair;
  theme: string;
  lost: boolean;
  retry: () => void;
}

const height = 168,
  heightNarrow = 164,
  shown_ms = 24 * HOUR;
const series: SeriesStyle[] = [
  { color: '--forecast', width: 1.25 },
  { color: '--candidate', width: 1.5, dash: [5, 3] },
];

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
        <span className="dim">
          mean weighted quantile loss
          {accuracy ? (accuracy.every_ms === HOUR ? ' an hour' : ` each ${duration(accuracy.every_ms)}`) : ''}
          {all.some((e) => e.low !== null) && `, with 90\u202f% interval`}
        </span>
        <span className="fill" />
        {stale && (
          <span className="pill warn">
            <Glyph mark="warn" />
            stale: not read again
          </span>
        )}
        {some && (
          <button type="button" className="btn ghost small" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
            {asTable ? 'Chart' : 'Table'}
          </button>
        )}
      </header>
      {asTable && accuracy ? (
        <Rows label="Evaluations" height={height} columns={tableColumns} rows={tableRows(accuracy)} />
      ) : (
        <Chart
          id="loss"
          label={accuracy ? sentence(accuracy) : 'Loss of production: nothing to show yet.'}
          height={height}
          heightNarrow={heightNarrow}
          x={x}
          y={y}
          yTicks={valueTicks(0, y[1], 3)}
          yFormat={some ? tickText(y) : () => ''}
          data={data}
          series={series}
          theme={theme}
          crosshair={crosshair}
          dim={stale || lost}
          stops={(data[0] as number[]).filter((t) => t >= x[0])}
          start={now}
          under={(g) => accuracy && <Washes g={g} now={now} accuracy={accuracy} />}
          over={(g) => accuracy && <Marks g={g} accuracy={accuracy} />}
          labels={accuracy && some ? gutterLabels(accuracy) : []}
          tip={(time) => accuracy && <Tip time={time} accuracy={accuracy} />}
          spoken={(time) => (accuracy ? spoken(time, accuracy) : '')}
          cover={cover(part, some, status, retry)}
        />
      )}
    </section>
  );
}

const known = (values: (number | null | undefined)[]): number[] => values.filter((v): v is number => typeof v === 'number');
const tickText =
  (y: [number, number]) =>
  (v: number): string =>
    v.toFixed(y[1] < 0.1 ? 2 : 1).replace(/^0\.0+$/, '0');

function lossRange(accuracy: Accuracy | null, all: Evaluation[]): [number, number] {
  const tops = known(all.map((e) => e.up ?? e.loss)),
    thresholds = known([accuracy?.threshold, ...all.map((e) => e.threshold)]);
  if (tops.length + thresholds.length === 0) return [0, 1];
  const limit = thresholds.length ? Math.max(...thresholds) : 0;
  return [
    0,
    1.12 *
      Math.max(limit * 1.4, Math.min(Math.max(0, ...tops), Math.max(3.5 * limit, tops.length ? quantile(tops, 0.9) * 1.6 : 0))),
  ];
}

function columns(accuracy: Accuracy | null): uPlot.AlignedData {
  const times = [...new Set([...(accuracy?.evaluations ?? []), ...(accuracy?.staging ?? [])].map((e) => ms(e.at)))].sort(
    (a, b) => a - b,
  );
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
      {status?.production === null
        ? 'The first comes when a model has served and the truth of its forecasts has landed.'
        : `The first comes when enough truth has landed${first?.at ? `, at ${hm(ms(first.at))} UTC at the earliest` : ''}.`}
    </Empty>
  );
}
