// Light, dark, or what the system says.  theme-boot.js has set the first one before the paint.
import { useEffect, useState } from 'react';

export type Theme = 'system' | 'light' | 'dark';
const key = 'tidecast.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

function stored(): Theme {
  try {
    const theme = localStorage.getItem(key);
    return theme === 'light' || theme === 'dark' ? theme : 'system';
  } catch {
    return 'system';
  }
}

const resolved = (theme: Theme): 'light' | 'dark' => (theme === 'system' ? (system.matches ? 'dark' : 'light') : theme);

const paint = (theme: Theme): void => {
  document.documentElement.dataset['theme'] = resolved(theme);
};

export function useTheme(): { theme: Theme; shown: 'light' | 'dark'; choose: (theme: Theme) => void } {
  const [theme, setTheme] = useState<Theme>(stored);
  const [shown, setShown] = useState(() => resolved(theme));
  useEffect(() => {
    const apply = (): void => {
      paint(theme);
      setShown(resolved(theme));
    };
    apply();
    system.addEventListener('change', apply);
    return () => system.removeEventListener('change', apply);
  }, [theme]);
  const choose = (next: Theme): void => {
    try {
      localStorage.setItem(key, next);
    } catch {
      /* Holds until the page closes. */
    }
    paint(next);
    setTheme(next);
  };
  return { theme, shown, choose };
}
