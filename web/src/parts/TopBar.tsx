// Which project, what is open, whether the page is live, what time it is for the loop.
import { useNow, useWall } from '../clock';
import { day, duration, hm, hms, percent } from '../format';
import type { Connection, Known } from '../feed';
import type { Theme } from '../theme';
import type { Status } from '../api/types';
import { Glyph } from './Glyph';

interface Props {
  known: Known;
  theme: Theme;
  chooseTheme: (theme: Theme) => void;
  openKeys: () => void;
}

export function TopBar({ known, theme, chooseTheme, openKeys }: Props) {
  const status = known.status.data;
  return (
    <header className="top">
      <div className="topin">
        <Brand />
        <span className="project">{status?.project ?? 'Tidecast'}</span>
        {status && <Pills status={status} />}
        <span className="fill" />
        {status && <ReplayMark status={status} />}
        <LiveMark connection={known.connection} />
        {status && <Clock status={status} />}
        <span className="themebox">
          <svg className="themeicon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
            <circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" strokeWidth="1.6" />
            <path d="M8 1.8a6.2 6.2 0 0 1 0 12.4Z" fill="currentColor" />
          </svg>
          <select className="theme" aria-label="Theme" value={theme} onChange={(event) => chooseTheme(event.target.value as Theme)}>
            <option value="system">System</option>
            <option value="light">Light</option>
            <option value="dark">Dark</option>
          </select>
        </span>
        <button type="button" className="btn ghost small keysbutton" onClick={openKeys} aria-label="List of keys">
          <kbd>?</kbd>
        </button>
      </div>
      {status && status.progress !== null && status.progress < 1 && (
        <div
          className="progress"
          role="progressbar"
          aria-label="Replay"
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={Math.round(100 * status.progress)}
        >
          <i style={{ width: `${100 * status.progress}%` }} />
        </div>
      )}
    </header>
  );
}

function Brand() {
  return (
    <span className="brand">
      <svg viewBox="0 0 20 12" width="20" height="12" aria-hidden="true">
        <path d="M1 9c2.8 0 3-6.5 6-6.500S10 9 13 9" className="tide" />
        <path d="M13 9c2.6 0 3-3.2 6-4" className="tide ahead" />
      </svg>
      <span className="word">Tidecast</span>
    </span>
  );
}

// What is open.  Each leads to the list of what needs a person, where it has one.
function Pills({ status }: { status: Status }) {
  const approvals = status.needs_you.filter((n) => n.kind === 'approval' || n.kind === 'production').length;
  const pill = (tone: string, mark: 'alarm' | 'waiting' | 'no_data', count: string, word: string): JSX.Element => {
    const body = (
      <>
        <Glyph mark={mark} />
        {count} <span className="wide">{word}</span>
      </>
    );
    return status.needs_you.length > 0 ? (
      <a key={word} className={`pill ${tone}`} href="#needs-you" aria-label={`${count} ${word}`.trim()}>
        {body}
      </a>
    ) : (
      <span key={word} className={`pill ${tone}`}>
        {body}
      </span>
    );
  };
  return (
    <>
      {status.alarm === 'ALARM' && pill('alarm', 'alarm', '1', 'alarm')}
      {status.alarm === 'NO_DATA' && status.production !== null && pill('none', 'no_data', 'NO_DATA', '')}
      {approvals > 0 && pill('warn', 'waiting', String(approvals), approvals === 1 ? 'approval' : 'approvals')}
    </>
  );
}

function ReplayMark({ status }: { status: Status }) {
  if (status.progress === null) return null;
  return (
    <span className="replay">
      {status.progress < 1 ? (
        <>
          <span className="wide">replay </span>
          {percent(status.progress)}
        </>
      ) : (
        'replay ended'
      )}
    </span>
  );
}

function LiveMark({ connection }: { connection: Connection }) {
  const wall = useWall();
  if (connection.state === 'lost') {
    return (
      <span className="live" data-live="lost">
        <Glyph mark="warn" />
        <span className="warntext">lost {duration(Math.max(0, wall - connection.since))} ago</span>
      </span>
    );
  }
  if (connection.state === 'connecting')
    return (
      <span className="live" data-live="connecting">
        <Glyph mark="no_data" />
        <span>connecting</span>
      </span>
    );
  return (
    <span className="live" data-live="live">
      <span className="pulse">
        <Glyph mark="ok" />
      </span>
      <span className="word">live</span>
    </span>
  );
}

function Clock({ status }: { status: Status }) {
  const now = useNow();
  return (
    <span className={status.clock === 'simulated' ? 'clock simulated' : 'clock'}>
      <span className="wide">{day(now)} </span>
      <b>
        <span className="wide">{hms(now)}</span>
        <span className="slim">{hm(now)}</span>
      </b>
      <span className="utc"> UTC</span>
      {status.clock === 'simulated' && (
        <>
          <span className="wide"> simulated</span>
          <span className="slim"> sim.</span>
        </>
      )}
    </span>
  );
}
