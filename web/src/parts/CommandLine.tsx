// A view or an action as the command line and the API know it, with a copy button.
import { useEffect, useState } from 'react';

export function CommandLine({ kind, text, wrap }: { kind: 'CLI' | 'API'; text: string; wrap?: boolean }) {
  const [copied, setCopied] = useState<'' | 'Copied' | 'Not copied'>('');
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(''), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied('Copied');
    } catch {
      setCopied('Not copied');
    }
  };
  return (
    <div className="cmd">
      <span className="lbl">{kind}</span>
      <code className={wrap ? 'wrap' : undefined}>{text}</code>
      <button type="button" onClick={() => void copy()} aria-label={`Copy the ${kind} form: ${text}`}>
        {copied || 'Copy'}
      </button>
      <span className="unseen" role="status">
        {copied}
      </span>
    </div>
  );
}
