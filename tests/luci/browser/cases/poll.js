'use strict';

// 63 blocks and 1008 ports: what one look at the status page brings over the wire.

const { page, seen } = require('../browser.js');
const { settled, PAGES } = require('./states.js');
const worlds = require('../worlds.js');

const LIMIT = 8192;

async function run({ browser, site, results, options }) {
	site.interfaces({ wan: {} });
	site.answers(worlds.make(options.program, 'busy', world => world.becomes('2400:4050:80ba:2200::/56')));

	const it = await page(browser, site);

	await it.goto(`${site.base}/cgi-bin/luci/${PAGES.status}`);
	await settled(it);

	const cells = (await it.$$('.mape-cell')).length;

	it.answers.length = 0;
	// Two polls at LuCI's interval.
	await it.waitForFunction(() => performance.getEntriesByType('resource').filter(entry => entry.name.includes('/ubus')).length > 0);
	await it.waitForResponse(response => response.url().includes('/ubus') && (response.request().postData() ?? '').includes('luci.mape'), { timeout: 20000 });
	await it.waitForTimeout(300);

	const sizes = it.answers.filter(({ asked }) => asked.includes('"luci.mape"')).map(({ body }) => Buffer.byteLength(body));

	results.check(`63 blocks are 63 cells, and a poll is at most ${LIMIT} bytes`, [
		cells !== 63 && `${cells} cells`,
		!sizes.length && 'nothing was polled',
		...sizes.filter(size => size > LIMIT).map(size => `${size} bytes`),
		...seen(it)
	]);
	results.note('bytes of one poll with 63 blocks', Math.max(...sizes));
	await it.context().close();
}

module.exports = { run };
