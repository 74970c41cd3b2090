// One crosshair for all charts of the page.  The pointer moves it in passing; a click or a key puts it down, and then it stays
// in the address as ?at=.
import { useEffect, useMemo, useState } from 'react';
import { urlTime } from '../format';

interface Place {
  time: number;
  chart: string;
}

export interface Crosshair {
  place: Place | null;
  pinned: Place | null;
  hover: (time: number | null, chart: string) => void;
  pin: (time: number | null, chart: string) => void;
}

function fromUrl(): Place | null {
  const at = new URLSearchParams(location.search).get('at');
  const time = at === null ? NaN : Date.parse(at);
  return Number.isNaN(time) ? null : { time, chart: 'target' };
}

const same = (a: Place | null, b: Place | null): boolean => a?.time === b?.time && a?.chart === b?.chart;

export function useCrosshair(): Crosshair {
  const [hovered, setHovered] = useState<Place | null>(null);
  const [pinned, setPinned] = useState<Place | null>(fromUrl);
  useEffect(() => {
    const timer = setTimeout(() => {
      // Browsers refuse an address that changes too often.
      const url = new URL(location.href);
      if (pinned) url.searchParams.set('at', urlTime(pinned.time));
      else url.searchParams.delete('at');
      const next = url.pathname + url.search.replace(/%3A/g, ':') + url.hash;
      if (next !== location.pathname + location.search + location.hash) history.replaceState(null, '', next);
    }, 150);
    return () => clearTimeout(timer);
  }, [pinned]);
  return useMemo(
    () => ({
      place: hovered ?? pinned,
      pinned,
      hover: (time, chart) => {
        const next = time === null ? null : { time, chart };
        setHovered((old) => (same(old, next) ? old : next));
      },
      pin: (time, chart) => {
        setHovered(null);
        setPinned(time === null ? null : { time, chart });
      },
    }),
    [hovered, pinned],
  );
}
