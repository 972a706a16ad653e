'use strict';

// No text is cut, nothing sticks out, every colour can be read: phone and desktop, light and dark.

const path = require('path');
const { page, seen, overflow, faint, english } = require('../browser.js');
const { settled, PAGES } = require('./states.js');
const { SECTIONS, withForwards } = require('./forward.js');
const worlds = require('../worlds.js');

const WIDTHS = { phone: 390, desktop: 1280 };

// Small phones, and where themes change from rows to tables.
const ODD_WIDTHS = [ 320, 601, 768 ];

// At any width nothing overflows, and each cell of a row has a title, above it or of its own.
async function odd({ browser, site, results, options }, theme, answers) {
	const wrong = [];

	site.answers(answers);
	site.forwards(SECTIONS);
	for (const width of ODD_WIDTHS) {
		const it = await page(browser, site, { width });

		for (const [ name, place ] of Object.entries(PAGES)) {
			await it.goto(`${site.base}/cgi-bin/luci/${place}`);
			await settled(it);
			wrong.push(...(await overflow(it, '.mape-page')).map(text => `${name}, ${width}: ${text}`));
			if (name === 'status')
				wrong.push(...(await untitled(it)).map(text => `${name}, ${width}: ${text}`));
			if (options.pictures)
				await it.screenshot({ path: path.join(options.pictures, `${theme}-${width}-${name}.png`), fullPage: true });
		}
		wrong.push(...seen(it));
		await it.context().close();
	}
	site.forwards({});
	results.check(`${theme}, ${ODD_WIDTHS.join(', ')} pixels: nothing sticks out, and numbers have their titles`, [ ...new Set(wrong) ]);
}

function untitled(it) {
	return it.$$eval('.mape-totals .td', cells => cells.filter(cell => {
		const own = getComputedStyle(cell, '::before');
		const titles = cell.closest('.table').querySelector('.table-titles');

		return !titles.getBoundingClientRect().height && (own.content === 'none' || own.display === 'none');
	}).map(cell => `"${cell.textContent}" has no title`));
}

async function run({ browser, site, results, options }) {
	const { states, make } = worlds;
	const all = states();
	const forwards = withForwards(options, SECTIONS);
	const shown = {
		busy: make(options.program, 'busy', world => world.becomes('2400:4050:80ba:2200::/56')),
		up: make(options.program, 'up', all.up.change),
		wrong: make(options.program, 'wrong', world => {
			for (const name of [ 'no-uplink', 'no-zone', 'mtu', 'leftovers', 'MAPE_NOT_FIRST_SUBNET' ])
				all[name].change(world);
		})
	};

	site.interfaces({ wan: {} });

	for (const theme of site.themes) {
		site.theme(theme);
		for (const dark of [ false, true ])
			for (const [ device, width ] of Object.entries(WIDTHS))
				// Chinese has the widths of Japanese: once is enough.
				for (const language of [ 'en', 'ja', ...device === 'phone' && !dark ? [ 'zh-cn', 'zh-tw' ] : [] ]) {
					const wrong = [];
					const it = await page(browser, site, { width, dark });

					site.language(language);
					for (const [ world, answers ] of Object.entries(shown))
						for (const [ name, place ] of Object.entries(PAGES)) {
							site.answers(answers);
							await it.goto(`${site.base}/cgi-bin/luci/${place}`);
							await settled(it);
							wrong.push(
								...(await overflow(it, '.mape-page')).map(text => `${name}, ${world}: ${text}`),
								...(await faint(it, '.mape-page')).map(text => `${name}, ${world}: ${text}`),
								...language !== 'en' ? (await english(it, '.mape-page')).map(text => `${name}, ${world}: English: ${text}`) : []);
							if (options.pictures)
								await it.screenshot({ path: path.join(options.pictures, `${theme}-${dark ? 'dark' : 'light'}-${device}-${language}-${name}-${world}.png`), fullPage: true });
						}

					results.check(`${theme}, ${dark ? 'dark' : 'light'}, ${device}, ${language}: nothing is cut, sticks out, is too faint or of another language`, [ ...new Set(wrong), ...seen(it) ]);
					await it.context().close();
				}

		await odd({ browser, site, results, options }, theme, forwards);
	}

	site.language('en');
	site.theme(site.themes[0]);
}

module.exports = { run };
