// The page: one feed, one clock, one crosshair.
import { useEffect, useSyncExternalStore } from 'react';
import { Now, useServerNow } from './clock';
import type { Feed } from './feed';
import { Overview } from './Overview';
import { KeysDialog, useKeys } from './parts/Keys';
import { SystemLine } from './parts/SystemLine';
import { Toasts, useToasts } from './parts/Toasts';
import { TopBar } from './parts/TopBar';
import { useTheme } from './theme';

export function App({ feed }: { feed: Feed }) {
  const known = useSyncExternalStore(feed.subscribe, feed.snapshot);
  useEffect(() => feed.start(), [feed]);
  const status = known.status.data;
  const now = useServerNow(status, known.heardAt);
  const { theme, shown, choose } = useTheme();
  const { toast, say } = useToasts();
  const keys = useKeys({ d: () => choose(shown === 'dark' ? 'light' : 'dark') });
  useEffect(() => {
    if (status) document.title = `${status.alarm === 'ALARM' ? 'ALARM, ' : ''}${status.project}: Tidecast`;
  }, [status]);
  const lost = known.connection.state === 'lost' && status !== null;
  return (
    <Now.Provider value={now}>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <TopBar known={known} theme={theme} chooseTheme={choose} openKeys={keys.open} />
      <main id="main" tabIndex={-1} className={lost ? 'lost' : undefined}>
        <Overview feed={feed} known={known} theme={shown} say={say} />
      </main>
      <footer className="foot">
        <SystemLine status={status} />
      </footer>
      <KeysDialog state={keys} />
      <Toasts toast={toast} connection={known.connection} />
    </Now.Provider>
  );
}
