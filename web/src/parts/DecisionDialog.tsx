// Approve or reject a model: the consequences before, the command and the API call during, the server's own words if it refuses.
import { useEffect, useId, useState, type FormEvent } from 'react';
import { ApiError, decision, post } from '../api/client';
import type { Need } from '../api/types';
import { CommandLine } from './CommandLine';
import { Dialog } from './Dialog';
import { Glyph } from './Glyph';

export type Verb = 'approve' | 'reject';

interface Props {
  open: { need: Need; verb: Verb } | null;
  waits: boolean; // Whether the server still lists it.
  close: () => void;
  done: (text: string) => void;
}

export function DecisionDialog({ open, waits, close, done }: Props) {
  const title = !open
    ? ''
    : open.verb === 'reject'
      ? `Reject model ${open.need.version}?`
      : `Approve model ${open.need.version}${open.need.stage ? ` for ${open.need.stage}` : ''}?`;
  return (
    <Dialog shown={open !== null} close={close} title={title}>
      {open && <Form {...open} waits={waits} close={close} done={done} />}
    </Dialog>
  );
}

function Form({
  need,
  verb,
  waits,
  close,
  done,
}: {
  need: Need;
  verb: Verb;
  waits: boolean;
  close: () => void;
  done: (text: string) => void;
}) {
  const [why, setWhy] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const field = useId(),
    hint = useId();
  useEffect(() => setError(null), [why]);

  const version = need.version ?? 0;
  const command = need.commands.find((c) => c.startsWith(`tidecast ${verb}`)) ?? `tidecast ${verb} ${version}`;
  const form = decision(verb, version, need.stage, why, command);
  const obstacle = !waits
    ? 'It no longer waits: it was decided elsewhere.'
    : verb === 'reject' && !why.trim()
      ? 'Write the reason first: whoever reads this later needs it.'
      : null;

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (obstacle || busy) return;
    setBusy(true);
    setError(null);
    try {
      await post(form.path, form.body);
      done(
        verb === 'approve' ? `Model ${version} approved${need.stage ? ` for ${need.stage}` : ''}.` : `Model ${version} rejected.`,
      );
    } catch (thrown) {
      setError(thrown instanceof ApiError ? thrown.message : String(thrown));
      setBusy(false);
    }
  };

  return (
    <form onSubmit={(event) => void submit(event)}>
      <p className="soft">
        {verb === 'approve'
          ? need.consequences
          : `Model ${version} stays listed and is not deployed. What serves now goes on serving.`}
      </p>
      <label htmlFor={field}>
        {verb === 'approve' ? 'Comment' : 'Reason'}{' '}
        <span className="dim">{verb === 'approve' ? 'kept with the decision' : 'needed, kept with the decision'}</span>
      </label>
      <textarea
        id={field}
        rows={2}
        value={why}
        onChange={(event) => setWhy(event.target.value)}
        aria-describedby={hint}
        autoFocus
      />
      <div className="cmds">
        <CommandLine kind="CLI" text={form.cli} wrap />
        <CommandLine kind="API" text={form.api} wrap />
      </div>
      {error && (
        <p className="problem" role="alert">
          <Glyph mark="alarm" word="error" />
          {error}
        </p>
      )}
      <div className="acts">
        <span id={hint} className="dim hint">
          {obstacle}
        </span>
        <button type="button" className="btn" onClick={close}>
          Keep it waiting
        </button>
        <button
          type="submit"
          className={`btn ${verb === 'approve' ? 'primary' : 'danger full'}`}
          disabled={obstacle !== null || busy}
          aria-busy={busy}
        >
          {busy
            ? verb === 'approve'
              ? 'Approving'
              : 'Rejecting'
            : `${verb === 'approve' ? 'Approve' : 'Reject'} model ${version}`}
        </button>
      </div>
    </form>
  );
}
