// Is it healthy, what is it doing, what happens next and why, what needs me.
import { useState } from 'react';
import { LossChart } from './charts/LossChart';
import { TargetChart } from './charts/TargetChart';
import { useCrosshair } from './charts/crosshair';
import type { Feed, Known } from './feed';
import { Answer } from './parts/Answer';
import { CommandLine } from './parts/CommandLine';
import { EventList } from './parts/EventList';
import { LoopStrip } from './parts/LoopStrip';
import { NeedsYou } from './parts/NeedsYou';
import { NextList } from './parts/NextList';

interface Props {
  feed: Feed;
  known: Known;
  theme: string;
  say: (text: string) => void;
}

export function Overview({ feed, known, theme, say }: Props) {
  const status = known.status.data;
  const crosshair = useCrosshair();
  const [older] = useState(() => () => feed.older());
  const lost = known.connection.state === 'lost';
  const shared = { crosshair, theme, lost, status };
  return (
    <>
      <Answer part={known.status} retry={feed.retryStatus} />
      <LoopStrip stages={status?.stages ?? null} />
      <div className="split">
        <aside aria-label="What needs you, and what comes">
          {status && <NeedsYou needs={status.needs_you} say={say} decided={feed.refreshAll} />}
          <NextList next={status?.next ?? null} />
        </aside>
        <div className="main">
          <TargetChart {...shared} part={known.target} retrains={known.accuracy.data?.retrains ?? []} retry={feed.retryTarget} />
          {status?.answer.state !== 'features_only' && <LossChart {...shared} part={known.accuracy} retry={feed.retryAccuracy} />}
          <EventList part={known.timeline} retry={feed.retryTimeline} older={older} />
          <div className="cmds page">
            <CommandLine kind="CLI" text="tidecast status" />
            <CommandLine kind="API" text="GET /api/v1/status" />
          </div>
        </div>
      </div>
    </>
  );
}
