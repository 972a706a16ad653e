'use strict';

// The rules of axe-core on every page and dialogue of ours, in each theme, light and dark. What the
// theme itself does outside of our nodes is not judged.

const fs = require('fs');
const { page, seen } = require('../browser.js');
const { settled, PAGES } = require('./states.js');
const { SECTIONS, withForwards } = require('./forward.js');
const worlds = require('../worlds.js');

const AXE = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

// Pages of the interfaces and of the overview have little of ours, and much of LuCI's.
const OURS = '.mape-page';
const DIALOGUE = '#modal_overlay .modal, .modal';

// Of a table that LuCI's form makes, the column of buttons has no title; nor has a dialogue a name.
const LUCIS = '.cbi-section-table-titles';

// These have the colours of the theme on every page.
const THEMES = '.btn, .cbi-map-descr, .cbi-value-description, .cbi-dropdown';

// What axe finds within, each rule with the node that breaks it.
async function judged(it, within) {
	await it.evaluate(AXE);

	return it.evaluate(async ([ selector, not, themes ]) => {
		const { violations } = await window.axe.run({ include: [ [ selector ] ], exclude: [ [ not ] ] }, { resultTypes: [ 'violations' ], rules: { 'aria-dialog-name': { enabled: false } } });

		return violations.flatMap(({ id, nodes }) => nodes
			.filter(({ target }) => id !== 'color-contrast' || !document.querySelector(target.at(-1))?.closest(themes)).map(({ html, any }) => `${id}: ${html.slice(0, 120)} ${any[0]?.message ?? ''}`));
	}, [ within, LUCIS, THEMES ]);
}

// A page that is broken on purpose, once for each kind of rule that matters here.
const BROKEN = {
	'button-name': '<button type="button"></button>',
	'image-alt': '<img src="/luci-static/resources/icons/loading.gif">',
	'color-contrast': '<p style="color: #ccc; background: #fff">hard to read</p>',
	'aria-allowed-attr': '<ul aria-pressed="true"><li>x</li></ul>',
	'label': '<input type="text">'
};

async function broken(it) {
	const wrong = [];

	for (const [ rule, html ] of Object.entries(BROKEN)) {
		await it.evaluate(([ selector, text ]) => {
			const node = document.createElement('div');

			node.id = 'broken';
			document.querySelector(selector).append(node);
			node.insertAdjacentHTML('beforeend', text);
		}, [ OURS, html ]);
		if (!(await judged(it, OURS)).some(found => found.startsWith(`${rule}:`)))
			wrong.push(`${rule} is not noticed`);
		await it.evaluate(() => document.querySelector('#broken').remove());
	}

	return wrong;
}

async function dialogue(it, button) {
	await it.click(button);
	await it.waitForSelector('.modal .btn', { timeout: 20000 });
	// It fades in.
	await it.waitForTimeout(700);
}

async function run({ browser, site, results, options }) {
	const all = worlds.states();
	const make = (name, change) => worlds.make(options.program, `axe-${name}`, change);
	const shown = {
		busy: { ...withForwards(options, SECTIONS), ...make('busy', world => world.becomes('2400:4050:80ba:2200::/56')) },
		up: make('up', all.up.change),
		wrong: make('wrong', world => [ 'no-uplink', 'no-zone', 'mtu', 'MAPE_NOT_FIRST_SUBNET' ].forEach(name => all[name].change(world))),
		none: make('none', all['no-interface'].change)
	};

	site.leases('1795400000 02:00:00:00:00:01 192.168.1.12 ps5 *\n');
	for (const theme of site.themes) {
		site.theme(theme);
		for (const dark of [ false, true ]) {
			const it = await page(browser, site, { dark });
			const wrong = [];
			const look = async (where, within) => wrong.push(...(await judged(it, within)).map(found => `${where}: ${found}`));

			for (const [ world, answers ] of Object.entries(shown)) {
				site.answers(answers);
				site.interfaces(world === 'none' ? {} : { wan: {} });
				site.forwards(world === 'busy' ? SECTIONS : {});
				for (const [ name, place ] of Object.entries(PAGES)) {
					await it.goto(`${site.base}/cgi-bin/luci/${place}`);
					await settled(it);
					await it.$$eval('.mape-page details', nodes => nodes.forEach(node => {
						node.open = true;
					}));
					await look(`${name}, ${world}`, OURS);
				}
			}

			site.answers(shown.up);
			site.interfaces({ wan: {} });
			await it.goto(`${site.base}/cgi-bin/luci/${PAGES.status}`);
			await settled(it);
			for (const open of [ '.mape-cell', '.mape-buttons .btn' ]) {
				await dialogue(it, open);
				await look(`dialogue of ${open}`, DIALOGUE);
				await it.click('.modal .btn');
				await it.waitForFunction(() => !document.body.classList.contains('modal-overlay-active'));
			}
			// A chosen device.
			await it.click('.mape-device');
			await it.waitForSelector('.mape-cell-mine', { timeout: 20000 });
			await look('a chosen device', OURS);
			await it.goto(`${site.base}/cgi-bin/luci/${PAGES.forward}`);
			await settled(it);
			await dialogue(it, '.mape-page .cbi-button-add');
			await look('dialogue of a port', DIALOGUE);

			site.interfaces({});
			site.answers(shown.none);
			await it.goto(`${site.base}/cgi-bin/luci/${PAGES.status}`);
			await settled(it);
			await dialogue(it, '.mape-page .cbi-button-action.important');
			await look('dialogue of the set-up', DIALOGUE);

			if (!dark)
				results.check(`control: on ${theme} each rule notices a page that breaks it`, await broken(it));
			results.check(`${theme}, ${dark ? 'dark' : 'light'}: axe finds nothing`, [ ...new Set(wrong), ...seen(it) ]);
			await it.context().close();
		}
	}

	site.theme(site.themes[0]);
	site.forwards({});
	site.interfaces({});
	site.leases('');
}

module.exports = { run };
