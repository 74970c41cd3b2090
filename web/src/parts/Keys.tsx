// The keys of the page, and the list of them.
import { useCallback, useEffect, useState } from 'react';
import { Dialog } from './Dialog';

export interface KeysState {
  shown: boolean;
  open: () => void;
  close: () => void;
}

export function useKeys(actions: Record<string, () => void>): KeysState {
  const [shown, setShown] = useState(false);
  const open = useCallback(() => setShown(true), []);
  const close = useCallback(() => setShown(false), []);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const at = event.target as Element;
      if (event.ctrlKey || event.metaKey || event.altKey || at.closest('input, textarea, select, dialog')) return;
      if (event.key === '?') {
        event.preventDefault();
        setShown(true);
      }
      actions[event.key]?.();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  });
  return { shown, open, close };
}

const list: [string[], string][] = [
  [['Tab'], 'go to the next chart, button or list'],
  [['←', '→'], 'move the crosshair in a focused chart, with Shift ten steps'],
  [['Home', 'End'], 'the first and the last moment of a focused chart'],
  [['Esc'], 'take the crosshair away, close a dialog'],
  [['d'], 'light or dark'],
  [['?'], 'this list'],
];

export function KeysDialog({ state }: { state: KeysState }) {
  return (
    <Dialog shown={state.shown} close={state.close} title="Keys">
      <dl className="keylist">
        {list.map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map((k) => (
                <kbd key={k}>{k}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p className="note">The crosshair stays in the address (?at=), so that a copied address shows the same moment.</p>
      <div className="acts">
        <button className="btn" type="button" onClick={state.close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
