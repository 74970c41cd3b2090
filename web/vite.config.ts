import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { FixtureServer, type StateName } from './tests/fixture/server';

// Puts src/theme-boot.js as it is below /assets/ with its hash in the name: Vite itself bundles module scripts only.
function themeBoot(): Plugin {
  const source = readFileSync(new URL('./src/theme-boot.js', import.meta.url), 'utf8');
  const fileName = `assets/theme-boot-${createHash('sha256').update(source).digest('hex').slice(0, 8)}.js`;
  let building = false;
  return {
    name: 'theme-boot',
    configResolved(config) {
      building = config.command === 'build';
    },
    buildStart() {
      if (building) this.emitFile({ type: 'asset', fileName, source });
    },
    transformIndexHtml: () => [
      { tag: 'script', attrs: { src: building ? `/${fileName}` : '/src/theme-boot.js' }, injectTo: 'head-prepend' },
    ],
  };
}

// `FIXTURE=alarm npm run dev` works without a Tidecast; its states are in tests/fixture/.
function fixture(state: string): Plugin {
  return {
    name: 'fixture',
    apply: 'serve',
    configureServer(server) {
      const fake = new FixtureServer(state as StateName);
      server.middlewares.use((request, response, next) => {
        fake.handleApi(request, response).then((done) => {
          if (!done) next();
        }, next);
      });
    },
  };
}

const state = process.env['FIXTURE'];
const tidecast = process.env['TIDECAST'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react(), themeBoot(), ...(state ? [fixture(state)] : [])],
  server: state ? {} : { proxy: { '/api': tidecast } },
  build: { target: 'es2020', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: true },
});
