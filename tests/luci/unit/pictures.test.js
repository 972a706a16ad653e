// The pictures of README and docs are those of the case `pictures`, and small; the recording of the
// demo plays without a script.

import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'node:test';

import { ROOT, read } from './luci.js';

const place = path => fileURLToPath(new URL(path, ROOT));
const size = path => statSync(place(path)).size;

test('docs/luci has the pictures of the case, each below 70 kB, and each is shown', () => {
	// It opens no browser where it is only read.
	const source = read('tests/luci/browser/cases/pictures.js');
	const names = [...source.matchAll(/^\t'?([a-z-]+)'?: \{ shows:/gm)].map(([, name]) => `${name}.png`);
	const pages = ['README.md', 'README.ja.md', ...readdirSync(place('docs')).filter(name => name.endsWith('.md')).map(name => `docs/${name}`)].map(read).join('');

	assert.ok(names.length > 5);
	assert.deepEqual(readdirSync(place('docs/luci')).sort(), names.sort());
	for (const name of names) {
		assert.ok(size(`docs/luci/${name}`) < 70000, `${name}: ${size(`docs/luci/${name}`)} bytes`);
		assert.match(pages, new RegExp(`luci/${basename(name, '.png')}\\.png`));
	}
});

test('the recording of the demo is below 60 kB, plays, and has no script', () => {
	const svg = read('docs/demo.svg');

	assert.ok(size('docs/demo.svg') < 60000, `${size('docs/demo.svg')} bytes`);
	assert.doesNotMatch(svg, /<script|<foreignObject|href=/);
	assert.match(svg, /prefers-reduced-motion/);
	assert.match(svg, /all 31 steps passed/);
});
