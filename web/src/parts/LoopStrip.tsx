// The loop in nine stages, in data order, and back to the forecast.  Where it waits for somebody the line is dashed.
import { useNow } from '../clock';
import { age, ms } from '../format';
import { Glyph, words } from './Glyph';
import type { Stage } from '../api/types';

const names = ['Source', 'Window', 'Feature row', 'Forecast', 'Score', 'Alarm', 'Retrain', 'Approve', 'Deploy'];

// The line from one stage to the next.
function link(from: Stage, to: Stage | undefined): string {
  if (!to) return 'end';
  if (from.state === 'waiting' || to.state === 'waiting') return 'waits';
  return [from.state, to.state].some((s) => s === 'idle' || s === 'no_data') ? 'rests' : 'flows';
}

export function LoopStrip({ stages }: { stages: Stage[] | null }) {
  const now = useNow();
  if (!stages) {
    return (
      <ol className="loop loading" aria-label="The loop, in data order">
        {names.map((name) => (
          <li key={name} className="rests">
            <span className="node" />
            <span className="name">{name}</span>
            <span className="value">{'\u00a0'}</span>
            <span className="remark">{'\u00a0'}</span>
          </li>
        ))}
      </ol>
    );
  }
  return (
    <div className="loopbox">
      <ol className="loop" aria-label="The loop, in data order">
        {stages.map((stage, i) => (
          <li key={stage.id} data-stage={stage.id} data-state={stage.state} className={link(stage, stages[i + 1])}>
            <span className="node">
              <Glyph mark={stage.state} />
            </span>
            <span className="name">
              {stage.name}
              <span className="unseen">, {words[stage.state] ?? stage.state}: </span>
            </span>
            <span className={`value ${stage.state}`}>{stage.value}</span>
            <span className="remark">
              {stage.note}
              {stage.note_at && ` ${age(ms(stage.note_at), now)}`}
            </span>
          </li>
        ))}
      </ol>
      <div className="back" aria-hidden="true">
        <span>and round again</span>
      </div>
    </div>
  );
}
