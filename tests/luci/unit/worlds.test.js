// The states that the browser is shown are those that netifd has, and the pages are small.

import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'node:test';
import { gzipSync } from 'node:zlib';

import { ROOT, read } from './luci.js';

const worlds = createRequire(import.meta.url)('../browser/worlds.js');

// Bytes of all scripts and styles together, each packed as a web server packs it.
const BOUND = 60000;

test('an interface that is not up has neither data, device nor state', () => {
	const states = worlds.states();
	const ended = ['down', 'pending', ...Object.keys(states).filter(name => name.startsWith('MAPE_'))];

	assert.ok(ended.length > 20);
	for (const name of ended) {
		const world = new worlds.World('/nonexistent', name);

		states[name].change(world);
		assert.equal(world.line.up, false, name);
		assert.deepEqual(world.line.data, {}, name);
		assert.equal(world.line.l3_device, undefined, name);
		for (const place of ['state/wan.json', 'sys/mape-wan'])
			assert.equal(world.has(place), false, `${name}: ${place}`);
		world.clear();
	}
});

test('what a browser loads for the pages is below 60 kB packed', context => {
	const directory = fileURLToPath(new URL('luci-app-mape/htdocs/', ROOT));
	const files = readdirSync(directory, { recursive: true }).filter(name => statSync(join(directory, name)).isFile());
	const bytes = files.reduce((sum, name) => sum + gzipSync(read(`luci-app-mape/htdocs/${name}`), { level: 9 }).length, 0);

	context.diagnostic(`${files.length} files, ${bytes} bytes packed`);
	assert.ok(files.length > 20 && bytes < BOUND, `${bytes} bytes`);
});
