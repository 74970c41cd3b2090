// The server's time.  Under the system clock it goes on between two messages; a simulated one stands where the last said.
import { createContext, useContext, useEffect, useState } from 'react';
import { ms } from './format';
import type { Status } from './api/types';

export function useServerNow(status: Status | null, heardAt: number): number {
  const [wall, setWall] = useState(() => Date.now());
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const tick = (): void => {
      setWall(Date.now());
      timer = setTimeout(tick, 1000 - (Date.now() % 1000));
    };
    tick();
    return () => clearTimeout(timer);
  }, []);
  if (!status) return wall;
  if (status.clock === 'simulated') return ms(status.now);
  return ms(status.now) + Math.max(0, wall - heardAt);
}

// Now, for everything that shows an age.
export const Now = createContext(0);
export const useNow = (): number => useContext(Now);

// Wall time once a second, for what the server's clock does not rule: retries, a lost connection.
export function useWall(): number {
  const [wall, setWall] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setWall(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return wall;
}
