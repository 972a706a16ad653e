'use strict';

// The last day on the status page; two lines as tabs; 63 blocks on a phone; colours of a full set.

const { page, seen, overflow } = require('../browser.js');
const { settled, PAGES } = require('./states.js');
const worlds = require('../worlds.js');

async function open(it, site) {
	await it.goto(`${site.base}/cgi-bin/luci/${PAGES.status}`);
	await settled(it);
}

// The recorded machine has run for not quite five hours.
const SEEN = [ [ 17000, 120, 20, 1 ], [ 16700, 150, 20, 1 ], [ 9000, 200, 30, 2 ], [ 8700, 210, 30, 2 ],
	[ 17000, 'up', '106.72.50.97 100' ], [ 8000, 'down', '106.72.50.97 100' ], [ 7000, 'up', '106.72.50.98 7' ], [ 6000, 'up', '106.72.50.97 100' ] ];

async function day({ browser, site, results, options }) {
	const it = await page(browser, site);
	const wrong = [];
	const shown = () => it.waitForFunction(() => document.querySelectorAll('.mape-chart').length === 2, null, { timeout: 20000 }).then(() => it.evaluate(() => {
		const chart = document.querySelector('.mape-chart');

		return {
			y: chart.querySelectorAll('.mape-label').length, x: [ ...chart.querySelectorAll('.mape-x span') ].map(node => node.textContent),
			lines: chart.querySelectorAll('.mape-line-tcp').length, losses: chart.querySelectorAll('.mape-loss').length,
			first: Number(chart.querySelector('.mape-line-tcp').getAttribute('points').split(',')[0]),
			events: [ ...document.querySelectorAll('.mape-day [data-event]') ].map(node => node.dataset.event).join(' '),
			words: [ ...document.querySelectorAll('.mape-day') ].map(node => node.textContent).join(' ')
		};
	}));

	site.answers(worlds.make(options.program, 'day', world => world.saw(SEEN)));
	await open(it, site);

	const before = await shown();

	wrong.push(before.y !== 3 && `${before.y} labels beside the chart`, before.x.join() !== '24 h ago,12 h ago,now' && before.x.join(),
		before.lines !== 3 && `${before.lines} lines, and not two with a gap and the present`, before.losses !== 1 && `${before.losses} losses`,
		!(before.first > 235 && before.first < 245) && `the first sample is at ${before.first} of 300`,
		before.events !== 'renumbered renumbered down' && before.events,
		!(/at most: TCP 210/).test(before.words) && `no greatest number: ${before.words}`, !(/106\.72\.50\.98, PSID 7/).test(before.words) && 'the other address is not named');
	await it.goto(`${site.base}/cgi-bin/luci/${PAGES.doctor}`);
	await settled(it);
	await open(it, site);
	wrong.push(JSON.stringify(await shown()) !== JSON.stringify(before) && 'another page makes it forget');
	results.check('the last day has labelled axes, gaps, losses and numbers, and survives the page', [ ...wrong, ...seen(it) ]);
	await it.context().close();
}

async function tabs({ browser, site, results, options }) {
	const it = await page(browser, site);
	const wrong = [];
	const state = () => it.evaluate(() => [ ...document.querySelectorAll('[data-interface]') ].map(node =>
		`${node.dataset.interface} ${node.getBoundingClientRect().height > 0 ? 'shown' : 'hidden'}`).join(', '));
	const expect = async expected => wrong.push(await state() !== expected && `${await state()}, and not ${expected}`);

	site.interfaces({ wan: {}, wanb: {} });
	site.answers(worlds.make(options.program, 'tabs', () => {}));
	await open(it, site);
	await expect('wan shown, wanb hidden');
	wrong.push(await it.textContent('#mape-tab-wan .mape-badge') !== '✔' && 'the tab does not show the state');
	await it.click('#mape-tab-wanb');
	await expect('wan hidden, wanb shown');
	await it.keyboard.press('ArrowRight');
	await expect('wan shown, wanb hidden');
	wrong.push(await it.evaluate(() => document.activeElement.id) !== 'mape-tab-wan' && 'the arrow does not move the focus');
	// A poll changes neither tab nor focus.
	await it.click('#mape-tab-wanb');
	for (let polls = 0; polls < 2; polls++)
		await it.waitForResponse(answer => (answer.request().postData() ?? '').includes('"status"'), { timeout: 60000 });
	await expect('wan hidden, wanb shown');
	wrong.push(await it.evaluate(() => document.activeElement.id) !== 'mape-tab-wanb' && 'a poll moves the focus');
	site.interfaces({ wan: {} });
	await open(it, site);
	wrong.push(await it.$('[role="tab"]') && 'one line has tabs');
	results.check('two lines are tabs, by mouse and keyboard', [ ...wrong, ...seen(it) ]);
	await it.context().close();
}

async function blocks({ browser, site, results, options }) {
	const it = await page(browser, site, { width: 390, height: 844 });
	const wrong = [];

	site.answers(worlds.make(options.program, 'blocks', world => world.becomes('2400:4050:80ba:2200::/56')));
	await open(it, site);

	const grid = await it.evaluate(() => {
		const cells = [ ...document.querySelectorAll('.mape-cell') ];

		return {
			cells: cells.length, height: document.querySelector('.mape-grid').getBoundingClientRect().height,
			cut: cells.filter(cell => cell.scrollWidth > cell.clientWidth).map(cell => cell.textContent),
			small: cells.filter(cell => parseFloat(getComputedStyle(cell.querySelector('.mape-cell-name')).fontSize) < 11 || cell.getBoundingClientRect().height < 22).length,
			named: cells.every(cell => /TCP .*UDP .*ICMP/.test(cell.title))
		};
	});

	// Arrows move within the blocks, which are one stop of the Tab key.
	await it.focus('.mape-cell');
	for (const key of [ 'ArrowRight', 'ArrowRight', 'ArrowLeft', 'End' ])
		await it.keyboard.press(key);

	const stops = await it.$$eval('.mape-page a[href], .mape-page button, .mape-page summary, .mape-page input', nodes => nodes.filter(node => node.tabIndex >= 0 && node.checkVisibility()).length);

	wrong.push(await it.evaluate(() => document.activeElement.dataset.first) !== '65056' && 'the keys do not reach the last block', stops > 25 && `${stops} stops of the Tab key`);
	wrong.push(grid.cells !== 63 && `${grid.cells} blocks`, grid.height > 500 && `${grid.height} pixels high`, ...grid.cut.map(text => `"${text}" is cut`),
		grid.small && `${grid.small} blocks are too small`, !grid.named && 'a block has no numbers for a screen reader', ...await overflow(it, '.mape-page'));
	results.check('63 blocks are on one screen of a phone', [ ...wrong, ...seen(it) ]);
	await it.context().close();
}

// The recorded line is not that busy, so its counters are set.
async function colours({ browser, site, results, options }) {
	const answers = worlds.make(options.program, 'colours', () => {});
	const wrong = [];
	const found = [];

	for (const [ level, heat ] of [ [ 0.79, '' ], [ 0.8, 'warn' ], [ 0.94, 'warn' ], [ 0.95, 'bad' ] ]) {
		const it = await page(browser, site);
		const status = JSON.parse(answers.status.out);
		const { ports } = status.interfaces[0];

		ports.usable = 100;
		ports.used.tcp = level * 100;
		Object.assign(ports.blocks[0], { first: 10000, last: 10099, used: { tcp: level * 100, udp: 0, icmp: 0 } });
		site.answers({ ...answers, status: { ...answers.status, out: JSON.stringify(status) } });
		await open(it, site);

		const colours = await it.evaluate(() => [ '.mape-number .mape-bar', '.mape-cell' ].map(name => {
			const node = document.querySelector(name);

			return [ node.dataset.heat, getComputedStyle(node.querySelector('div, .mape-fill')).backgroundColor ];
		}));

		for (const [ is ] of colours)
			wrong.push(is !== heat && `${level} is ${is || 'plain'}`);
		found.push([ heat, colours.map(([ , colour ]) => colour).join(' ') ]);
		wrong.push(...seen(it));
		await it.context().close();
	}
	wrong.push(new Set(found.map(([ , colour ]) => colour)).size !== 3 && `the colours are not three: ${found.join('; ')}`);
	results.check('a bar and a block change their colour at 80 and at 95 %', wrong);
}

async function run(all) {
	all.site.interfaces({ wan: {} });
	await day(all);
	await tabs(all);
	await blocks(all);
	await colours(all);
}

module.exports = { run };
