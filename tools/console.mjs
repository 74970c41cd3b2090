// Builds the console and makes C++ of it: node tools/console.mjs NPM WEB FOLDER
// Copies WEB to FOLDER/web, runs npm there (`npm ci` only when the lock file changed), and writes FOLDER/console_files.cc with
// all files of dist/: their bytes by .incbin, packed ones beside them where that saves a tenth, types and hashes.
// Nothing of the packages runs at install time.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';

const [npm, web, folder] = process.argv.slice(2);
const copy = path.join(folder, 'web');
const packed = path.join(folder, 'gzip');

const types = {
  css: 'text/css; charset=utf-8', html: 'text/html; charset=utf-8', ico: 'image/x-icon', js: 'text/javascript; charset=utf-8',
  json: 'application/json', map: 'application/json', png: 'image/png', svg: 'image/svg+xml', txt: 'text/plain; charset=utf-8',
  webmanifest: 'application/manifest+json', woff2: 'font/woff2',
};

function fail(text) {
  console.error(`console: ${text}`);
  process.exit(1);
}

function runNpm(...args) {
  const result = spawnSync(npm, args, { cwd: copy, encoding: 'utf8', env: { ...process.env, CI: '1', NO_COLOR: '1' } });
  if (result.status === 0) return;
  console.error(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error ?? ''}`);
  fail(`npm ${args.join(' ')} failed in ${copy}${args[0] === 'ci' ? ': is the npm registry reachable?' : ''}`);
}

function copyAnew() {
  const left = new Set(['node_modules', 'dist', 'test-results', 'playwright-report']);
  fs.mkdirSync(copy, { recursive: true });
  for (const name of fs.readdirSync(copy))
    if (name !== 'node_modules') fs.rmSync(path.join(copy, name), { recursive: true });
  for (const name of fs.readdirSync(web))
    if (!left.has(name)) fs.cpSync(path.join(web, name), path.join(copy, name), { recursive: true });
}

function install() {
  const lock = path.join(copy, 'package-lock.json');
  if (!fs.existsSync(lock)) fail('web/package-lock.json is missing: the console is built from pinned packages only');
  const hash = createHash('sha256').update(fs.readFileSync(lock)).digest('hex');
  const mark = path.join(folder, 'installed');
  if (fs.existsSync(mark) && fs.readFileSync(mark, 'utf8') === hash) return;
  runNpm('ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline');
  fs.writeFileSync(mark, hash);
}

function filesBelow(root, below = '') {
  return fs.readdirSync(path.join(root, below), { withFileTypes: true })
    .flatMap((entry) => entry.isDirectory() ? filesBelow(root, `${below}/${entry.name}`) : [`${below}/${entry.name}`]).sort();
}

function generate() {
  const dist = path.join(copy, 'dist');
  if (!fs.existsSync(path.join(dist, 'index.html'))) fail('npm run build made no dist/index.html');
  fs.rmSync(packed, { recursive: true, force: true });
  fs.mkdirSync(packed, { recursive: true });
  const blobs = [], entries = [];
  const embed = (file, size) => {
    const symbol = `tidecast_console_${blobs.length}`;
    blobs.push(`asm(".section .rodata\\n${symbol}: .incbin ${JSON.stringify(file).replaceAll('"', '\\"')}\\n.byte 0\\n.previous");\n` +
               `extern "C" __attribute__((visibility("hidden"))) const char ${symbol}[];`);
    return `{${symbol}, ${size}}`;
  };
  for (const [index, name] of filesBelow(dist).entries()) {
    const bytes = fs.readFileSync(path.join(dist, name));
    const type = types[path.extname(name).slice(1)] ?? fail(`dist${name}: no content type is known for it`);
    const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 32);
    const gzip = zlib.gzipSync(bytes, { level: 9 });
    let small = '{}';
    if (gzip.length < 0.9 * bytes.length) {
      const file = path.join(packed, `${index}.gz`);
      fs.writeFileSync(file, gzip);
      small = embed(file, gzip.length);
    }
    entries.push(`    {${JSON.stringify(name)}, ${JSON.stringify(type)}, "${hash}", ${embed(path.join(dist, name), bytes.length)}, ${small}},`);
  }
  fs.writeFileSync(path.join(folder, 'console_files.cc'), `// Made by tools/console.mjs.
#include "api/console.h"

${blobs.join('\n')}

std::span<const tidecast::ConsoleFile> tidecast::console_files() {
  static constexpr ConsoleFile kFiles[] = {
${entries.join('\n')}
  };
  return kFiles;
}
`);
}

copyAnew();
install();
runNpm('run', '--silent', 'build');
generate();
