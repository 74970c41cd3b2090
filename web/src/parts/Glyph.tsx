// A state is a shape, a word and a colour: any one of them is enough.
import type { Mark } from '../api/types';

const shapes: Record<Mark, { tone: string; body: JSX.Element }> = {
  ok: { tone: 'ok', body: <circle cx="6" cy="6" r="4.2" fill="currentColor" /> },
  warn: { tone: 'warn', body: <path d="M6 .9 11.6 11H.4Z" fill="currentColor" /> },
  alarm: { tone: 'alarm', body: <path d="M6 0l6 6-6 6-6-6Z" fill="currentColor" /> },
  waiting: {
    tone: 'warn',
    body: (
      <>
        <circle cx="6" cy="6" r="4.3" fill="none" stroke="currentColor" strokeWidth="1.8" />
        <path d="M6 3.6V6l1.7 1.3" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" />
      </>
    ),
  },
  running: {
    tone: 'run',
    body: <path d="M6 1.7A4.3 4.3 0 1 1 1.7 6" fill="none" stroke="currentColor" strokeWidth="1.9" strokeLinecap="round" />,
  },
  no_data: {
    tone: 'nodata',
    body: <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" strokeWidth="1.6" strokeDasharray="2 1.6" />,
  },
  idle: { tone: 'nodata', body: <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" strokeWidth="1.6" /> },
  info: { tone: 'nodata', body: <circle cx="6" cy="6" r="2.2" fill="currentColor" /> },
};

export const words: Record<Mark, string> = {
  ok: 'ok',
  warn: 'warning',
  alarm: 'alarm',
  waiting: 'waiting',
  running: 'running',
  no_data: 'no data',
  idle: 'idle',
  info: 'note',
};

// With `word` it is read out; without, the text beside it must say the state.
export function Glyph({ mark, word }: { mark: Mark; word?: string }) {
  const shape = shapes[mark] ?? shapes.info;
  return (
    <>
      <svg className={`glyph ${shape.tone}`} viewBox="0 0 12 12" aria-hidden="true" data-mark={mark}>
        {shape.body}
      </svg>
      {word && <span className="unseen">{word}: </span>}
    </>
  );
}
