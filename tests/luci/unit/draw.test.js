// The box for an answer that reports errors or partial failures.

import assert from 'node:assert/strict';
import test from 'node:test';

import { load, read } from './luci.js';

const draw = load('mape/draw.js', { dom: null, ui: null, model: null, text: null });

test('partial failures are shown, and an error takes precedence', () => {
	const page = { problem: (sentence, message) => ({ sentence, message }), error: error => error };
	const trouble = answer => draw.trouble.call(page, answer);
	const faults = ['wan: its state cannot be written down: No space left', 'wan: its ports cannot be remembered'];

	assert.deepEqual(trouble({ schema: 1, forwards: [], faults }).message, faults);
	assert.match(trouble({ faults: ['x'] }).sentence, /could not be done/);
	assert.deepEqual(trouble({ error: { code: 'X' }, faults }), { code: 'X' });
	for (const fine of [null, undefined, {}, { schema: 1 }, { faults: [] }, { faults: null }])
		assert.equal(trouble(fine), null);
});

test('the pages that change something ask for them', () => {
	for (const file of ['mape/draw.js', 'view/mape/forward.js'])
		assert.match(read(`luci-app-mape/htdocs/luci-static/resources/${file}`), /\.trouble\(/);
});
