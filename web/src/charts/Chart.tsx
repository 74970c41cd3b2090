// One time panel: frame, axes and marks in SVG, series and bands by uPlot, crosshair and tooltip over them.  It keeps its size
// in every state, takes the focus, and is moved through by the arrow keys.
import { useEffect, useId, useLayoutEffect, useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react';
import uPlot from 'uplot';
import { day, DAY, hm } from '../format';
import type { Crosshair } from './crosshair';
import { geometry, nearest, pushApart, timeTicks, type Geometry, type GutterLabel } from './geometry';

export interface SeriesStyle {
  color: string | null;
  width?: number;
  dash?: number[];
} // color: a custom property; null: not drawn, edge of a band
export interface BandStyle {
  between: [number, number];
  color: string;
} // numbers of series, from 1; upper first

interface Props {
  id: string;
  label: string; // what it shows, as a sentence
  height: number;
  heightNarrow: number;
  x: [number, number];
  y: [number, number];
  yTicks: number[];
  yFormat: (value: number) => string;
  data: uPlot.AlignedData;
  series: SeriesStyle[];
  bands?: BandStyle[];
  under?: (g: Geometry) => ReactNode; // SVG below the lines
  over?: (g: Geometry) => ReactNode; // SVG above them
  labels?: GutterLabel[];
  stops: number[]; // moments that the crosshair snaps to, ascending
  start: number; // where the keys begin
  tip: (time: number) => ReactNode;
  spoken: (time: number) => string;
  crosshair: Crosshair;
  theme: string;
  dim?: boolean;
  cover?: ReactNode; // words in place of data
}

const gutters = { L: 56, R: 130, T: 18, B: 24 },
  guttersNarrow = { L: 46, R: 70, T: 18, B: 24 };

export function Chart(props: Props) {
  const { id, crosshair, stops } = props;
  const box = useRef<HTMLDivElement>(null);
  const hint = useId();
  const [W, setW] = useState(0);
  const [moved, setMoved] = useState(false); // By keys: only then the values are spoken.
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = (): void => setW(element.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const narrow = W < 520;
  const H = narrow ? props.heightNarrow : props.height;
  const g = geometry(W || 600, H, narrow ? guttersNarrow : gutters, narrow, props.x, props.y);

  const place = crosshair.place,
    mine = place?.chart === id;
  const at = place && place.time >= g.x0 && place.time <= g.x1 ? place.time : null;
  const snapped = (time: number): number | null => stops[nearest(stops, time)] ?? null;

  const timeUnder = (event: PointerEvent): number | null => {
    const left = box.current?.getBoundingClientRect().left ?? 0,
      time = g.time(event.clientX - left);
    return time >= g.x0 && time <= g.x1 ? snapped(time) : null;
  };
  const onPointerMove = (event: PointerEvent): void => {
    if (event.pointerType !== 'touch') {
      setMoved(false);
      crosshair.hover(timeUnder(event), id);
    }
  };
  const onClick = (event: PointerEvent): void => {
    const time = timeUnder(event);
    setMoved(false);
    crosshair.pin(time !== null && crosshair.pinned?.time === time ? null : time, id);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === 'Escape' && place) {
      event.preventDefault();
      crosshair.pin(null, id);
      return;
    }
    if (step === undefined || stops.length === 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const from = nearest(stops, at ?? props.start);
    const to =
      at === null && Number.isFinite(step)
        ? from
        : Math.min(stops.length - 1, Math.max(0, from + step * (event.shiftKey ? 10 : 1)));
    setMoved(true);
    crosshair.pin(stops[to] ?? null, id);
  };

  return (
    <div className="plotbox">
      <div
        ref={box}
        className="plot"
        role="img"
        aria-label={props.label}
        aria-describedby={hint}
        tabIndex={0}
        style={{ height: H }}
        data-chart={id}
        onPointerMove={onPointerMove}
        onPointerLeave={() => crosshair.hover(null, id)}
        onClick={onClick as never}
        onKeyDown={onKeyDown}
      >
        <svg className="layer" width={g.W} height={H} aria-hidden="true">
          <Axes g={g} yTicks={props.yTicks} yFormat={props.yFormat} />
          <g className={props.dim ? 'faded' : undefined}>{!props.cover && props.under?.(g)}</g>
        </svg>
        {W > 0 && <Lines g={g} {...props} />}
        <svg className="layer" width={g.W} height={H} aria-hidden="true">
          <g className={props.dim ? 'faded' : undefined}>
            {!props.cover && props.over?.(g)}
            {!props.cover && props.labels && <Gutter g={g} labels={props.labels} />}
          </g>
          {at !== null && !props.cover && (
            <line
              className="cursor"
              x1={g.x(at)}
              x2={g.x(at)}
              y1={g.T - 4}
              y2={g.T + g.ph}
              data-cursor={new Date(at).toISOString()}
            />
          )}
        </svg>
        {at !== null && mine && !props.cover && (
          <div className="tip" style={tipPlace(g, at)}>
            {props.tip(at)}
          </div>
        )}
      </div>
      <span id={hint} className="unseen">
        Arrow keys move a crosshair through it. Its rows are offered as a table.
      </span>
      <div className="unseen" aria-live="polite">
        {moved && mine && at !== null ? props.spoken(at) : ''}
      </div>
      {props.cover && (
        <div className="cover" style={{ left: g.L, right: g.R, height: g.ph, top: g.T }}>
          {props.cover}
        </div>
      )}
    </div>
  );
}

// Beside the crosshair where there is room, else at the far edge.
function tipPlace(g: Geometry, at: number): { left?: number; right?: number; top: number } {
  const x = g.x(at),
    right = x > g.L + g.pw / 2;
  if (g.narrow) return right ? { left: 0, top: g.T } : { right: 0, top: g.T };
  return right ? { right: g.W - x + 12, top: g.T } : { left: x + 12, top: g.T };
}

function Axes({ g, yTicks, yFormat }: { g: Geometry; yTicks: number[]; yFormat: (v: number) => string }) {
  const end = g.L + g.pw;
  return (
    <g>
      {yTicks.map((v) => (
        <g key={v}>
          <line className="grid" x1={g.L} x2={end} y1={g.y(v)} y2={g.y(v)} />
          <text className="tx end dim" x={g.L - 8} y={g.y(v) + 3.5}>
            {yFormat(v)}
          </text>
        </g>
      ))}
      {timeTicks(g.x0, g.x1, g.pw).map((t) => {
        const midnight = t % DAY === 0,
          x = g.x(t);
        return (
          <g key={t}>
            <line className={midnight ? 'grid strong' : 'grid'} x1={x} x2={x} y1={g.T} y2={g.T + g.ph + 4} />
            {x > g.L + 24 && x < end + 14 && (
              <text className={`tx mid dim${midnight ? ' strong' : ''}`} x={x} y={g.H - 6}>
                {midnight && !g.narrow ? day(t) : hm(t)}
              </text>
            )}
          </g>
        );
      })}
      <text className="tx end dim" x={g.L - 8} y={g.H - 6}>
        UTC
      </text>
    </g>
  );
}

function Gutter({ g, labels }: { g: Geometry; labels: GutterLabel[] }) {
  const placed = pushApart(
    labels.map((l) => ({ ...l, y: g.y(l.y) })),
    g.T + 2,
    g.T + g.ph - 1,
  );
  return (
    <g>
      {placed.map((l) => (
        <text key={l.text} className={`tx ${l.className ?? ''}${l.strong ? ' strong' : ''}`} x={g.L + g.pw + 8} y={l.y + 3.5}>
          {g.narrow ? (l.short ?? l.text) : l.text}
        </text>
      ))}
    </g>
  );
}

// The series, by uPlot: no axes, no legend, no cursor of its own.  Made anew when the frame or the theme changes; data flow in.
function Lines({ g, data, series, bands, dim, theme }: Props & { g: Geometry }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const range = useRef({ x: [g.x0, g.x1] as [number, number], y: [g.y0, g.y1] as [number, number] });
  range.current = { x: [g.x0, g.x1], y: [g.y0, g.y1] };
  const newest = useRef(data);
  newest.current = data;
  const style = JSON.stringify([series, bands]);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const css = getComputedStyle(document.documentElement),
      color = (name: string): string => css.getPropertyValue(name).trim();
    const made = new uPlot(
      {
        width: g.W,
        height: g.H,
        padding: [g.T, g.R, g.B, g.L],
        pxAlign: 0,
        cursor: { show: false },
        legend: { show: false },
        axes: [{ show: false }, { show: false }],
        scales: { x: { time: false, range: () => range.current.x }, y: { range: () => range.current.y } },
        series: [
          {},
          ...series.map((s) => ({
            ...(s.color === null ? {} : { stroke: color(s.color) }),
            width: s.color === null ? 0 : (s.width ?? 1.25),
            ...(s.dash ? { dash: s.dash } : {}),
            points: { show: false },
            pxAlign: 0,
          })),
        ],
        bands: (bands ?? []).map((b) => ({ series: b.between, fill: color(b.color) })),
      },
      newest.current,
      element,
    );
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = null;
    };
  }, [style, theme, g.W, g.H, g.L]);
  useEffect(() => {
    plot.current?.setData(data);
  }, [data, g.x0, g.x1, g.y0, g.y1]);
  return <div ref={box} className={`lines${dim ? ' faded' : ''}`} aria-hidden="true" />;
}
