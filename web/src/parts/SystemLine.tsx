// What the process takes of the machine, and where it listens.
import { bytes, duration } from '../format';
import type { Status } from '../api/types';

export function SystemLine({ status }: { status: Status | null }) {
  const system = status?.system;
  if (!system) return null;
  const facts: [string, string][] = [
    ['memory', bytes(system.memory_bytes)],
    ['data', bytes(system.data_bytes)],
    ['up', duration(system.uptime_s * 1000)],
    ['version', system.version],
    ['address', system.address],
  ];
  return (
    <dl className="system">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
