'use strict';

// A strict content security policy refuses nothing of our pages, and no request leaves the router's
// origin.

const { page, seen, POLICY } = require('../browser.js');
const { settled, PAGES } = require('./states.js');
const worlds = require('../worlds.js');

async function run({ browser, site, results, options }) {
	const policy = site.policy ?? POLICY;

	site.interfaces({ wan: {}, second: {} });
	site.answers(worlds.make(options.program, 'up', () => {}));

	const it = await page(browser, site, { policy });

	await it.goto(`${site.base}/cgi-bin/luci/${PAGES.status}`);
	await settled(it);
	await it.click('.mape-cell');
	await it.waitForTimeout(500);
	await it.keyboard.press('Escape');
	results.check('status: nothing is refused, and nothing asked elsewhere', seen(it));

	await it.goto(`${site.base}/cgi-bin/luci/${PAGES.doctor}`);
	await settled(it);
	for (const button of await it.$$('.mape-page .btn')) {
		await button.click({ timeout: 2000 }).catch(() => null);
		await it.waitForTimeout(300);
		// A dialogue would lie over the next one.
		await it.evaluate(() => [ ...document.querySelectorAll('#modal_overlay .btn, .modal .btn') ].find(node => /close/i.test(node.textContent))?.click());
	}
	results.check('diagnosis, every button pressed: nothing is refused, and nothing asked elsewhere', seen(it));

	await it.goto(`${site.base}/cgi-bin/luci/admin/status/overview`);
	await it.waitForFunction(() => /106\.72\.50\.97/.test(document.body.innerText), null, { timeout: 30000 })
		.catch(() => results.check('the overview shows the line', 'it does not'));
	results.check('overview: nothing is refused, and nothing asked elsewhere', seen(it));

	// That the watch sees what it is there for.
	await it.evaluate(() => {
		const image = new Image();

		image.src = 'http://192.0.2.1/x.png';
		document.body.append(image);

		const frame = document.createElement('iframe');

		frame.src = 'data:text/html,x';
		document.body.append(frame);
	});
	await it.waitForTimeout(500);
	results.check('control: a request elsewhere and a violation are noticed', [
		!it.seen.violations.length && 'no violation was seen'
	]);
	await it.context().close();

	const plain = await page(browser, site);

	await plain.goto(`${site.base}/cgi-bin/luci/${PAGES.status}`);
	await plain.evaluate(() => fetch('http://192.0.2.1/x').catch(() => null));
	results.check('control: a request to another host is noticed', !plain.seen.elsewhere.length && 'it was not seen');
	await plain.context().close();
}

module.exports = { run };
