// What was done, said once and politely; and whether the connection was lost or found, for those who do not see the mark.
import { useCallback, useEffect, useState } from 'react';
import type { Connection } from '../feed';

export interface Toast {
  text: string;
  id: number;
}
const shown_ms = 9000;

export function useToasts(): { toast: Toast | null; say: (text: string) => void } {
  const [toast, setToast] = useState<Toast | null>(null);
  useEffect(() => {
    if (!toast) return;
    const timer = setTimeout(() => setToast(null), shown_ms);
    return () => clearTimeout(timer);
  }, [toast]);
  const say = useCallback((text: string) => setToast({ text, id: Date.now() }), []);
  return { toast, say };
}

export function Toasts({ toast, connection }: { toast: Toast | null; connection: Connection }) {
  const [wasLost, setWasLost] = useState(false);
  useEffect(() => {
    if (connection.state === 'lost') setWasLost(true);
  }, [connection.state]);
  const line =
    connection.state === 'lost'
      ? 'Connection lost. The numbers stay as they were last heard.'
      : connection.state === 'live' && wasLost
        ? 'Connected again. The numbers are live.'
        : '';
  return (
    <>
      <div className="toast" role="status" aria-live="polite">
        {toast && <span key={toast.id}>{toast.text}</span>}
      </div>
      <div className="unseen" role="status" aria-live="polite">
        {line}
      </div>
    </>
  );
}
