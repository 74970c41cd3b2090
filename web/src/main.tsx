import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import 'uplot/dist/uPlot.min.css';
import './tokens.css';
import './app.css';
import { App } from './App';
import { Feed } from './feed';

const root = document.getElementById('root');
if (root)
  createRoot(root).render(
    <StrictMode>
      <App feed={new Feed()} />
    </StrictMode>,
  );
