// What a chart says in place of data: that it reads, that nothing is there yet and what brings it, or what failed.
import type { ReactNode } from 'react';
import { useWall } from '../clock';
import type { Part } from '../feed';
import { duration } from '../format';
import { Glyph } from '../parts/Glyph';

export const Loading = ({ what }: { what: string }) => (
  <>
    <span className="bar" />
    <span className="dim late">{what}</span>
  </>
);

export const Empty = ({ title, children }: { title: string; children: ReactNode }) => (
  <>
    <b>{title}</b>
    <span className="soft">{children}</span>
  </>
);

export function Failed({ part, retry }: { part: Part<unknown>; retry: () => void }) {
  const wall = useWall();
  return (
    <>
      <span>
        <span className="pill alarm">
          <Glyph mark="alarm" />
          not read
        </span>
      </span>
      <span className="soft">
        {part.error?.message}
        {part.retryAt !== null && ` Tried again ${part.retryAt > wall ? `in ${duration(part.retryAt - wall)}` : 'now'}.`}
      </span>
      <span>
        <button type="button" className="btn small" onClick={retry}>
          Try now
        </button>
      </span>
    </>
  );
}
