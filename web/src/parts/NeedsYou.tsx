// What waits for a person, with what can be done about it here.
import { useState } from 'react';
import { tied } from '../format';
import type { Mark, Need } from '../api/types';
import { CommandLine } from './CommandLine';
import { DecisionDialog, type Verb } from './DecisionDialog';
import { Glyph } from './Glyph';

const marks: Record<Need['kind'], Mark> = {
  approval: 'waiting',
  production: 'waiting',
  gave_up: 'alarm',
  alarm: 'alarm',
  source: 'warn',
  books: 'alarm',
};

const sameNeed = (a: Need, b: Need): boolean => a.kind === b.kind && a.version === b.version && a.stage === b.stage;

interface Props {
  needs: Need[];
  say: (text: string) => void;
  decided: () => void;
}

export function NeedsYou({ needs, say, decided }: Props) {
  const [open, setOpen] = useState<{ need: Need; verb: Verb } | null>(null);
  return (
    <>
      {needs.length > 0 && (
        <section className="sec needs" aria-labelledby="needs-you">
          <header>
            <h2 id="needs-you">Needs you</h2>
            <span className="dim">{needs.length}</span>
          </header>
          {needs.map((need) => (
            <NeedBox
              key={`${need.kind} ${need.version} ${need.stage} ${need.title}`}
              need={need}
              act={(verb) => setOpen({ need, verb })}
            />
          ))}
        </section>
      )}
      <DecisionDialog
        open={open}
        waits={open !== null && needs.some((n) => sameNeed(n, open.need))}
        close={() => setOpen(null)}
        done={(text) => {
          setOpen(null);
          say(text);
          decided();
        }}
      />
    </>
  );
}

function NeedBox({ need, act }: { need: Need; act: (verb: Verb) => void }) {
  const decides = need.version !== null && (need.can_approve || need.can_reject);
  return (
    <article className="box need" data-kind={need.kind}>
      <h3>
        <Glyph mark={marks[need.kind] ?? 'warn'} word={need.kind === 'alarm' || need.kind === 'books' ? 'alarm' : undefined} />
        {need.title}
      </h3>
      <p>{tied(need.text)}</p>
      {decides ? (
        <div className="acts">
          {need.can_approve && (
            <button type="button" className="btn primary small" onClick={() => act('approve')}>
              Approve model {need.version}
            </button>
          )}
          {need.can_reject && (
            <button type="button" className="btn danger small" onClick={() => act('reject')}>
              Reject model {need.version}
            </button>
          )}
        </div>
      ) : (
        need.commands.map((command) => <CommandLine key={command} kind="CLI" text={command} wrap />)
      )}
    </article>
  );
}
