'use strict';

// The pictures of README and docs, as docs/luci has them: `tests/luci/pictures` takes them over.
// Only with --pictures, and worth it on a real LuCI, whose theme they show.

const path = require('path');
const { page, seen } = require('../browser.js');
const { settled, PAGES } = require('./states.js');
const { withForwards } = require('./forward.js');
const worlds = require('../worlds.js');

// Each picture: what it shows, and for whom. `height` cuts what is below.
const PICTURES = {
	status: { shows: 'status', world: 'busy', width: 1000, height: 800 },
	'status-ja': { shows: 'status', world: 'busy', width: 1000, height: 800, language: 'ja' },
	'status-dark-phone-ja': { shows: 'status', world: 'busy', width: 390, height: 900, language: 'ja', dark: true },
	'set-up': { shows: 'status', world: 'none', width: 1000, height: 330 },
	'open-port': { shows: 'forward', world: 'opened', width: 1000, height: 560 },
	'open-port-phone-ja': { shows: 'forward', world: 'opened', width: 390, height: 640, language: 'ja' },
	'diagnosis-dark': { shows: 'doctor', world: 'wrong', width: 1000, height: 620, dark: true }
};

const OPENED = {
	game: { name: 'minecraft', dest_ip: '192.168.1.12', dest_port: '25565' },
	web: { name: 'web', dest_ip: '192.168.1.10', dest_port: '443', src_dport: '443', proto: 'tcp' }
};

const LEASES = [ [ '192.168.1.10', 'nas' ], [ '192.168.1.12', 'ps5' ], [ '192.168.1.21', 'taro-phone' ], [ '192.168.1.22', 'tv' ] ];

// A day with an evening in which much was in use, and a loss.
function day(world) {
	const samples = Array.from({ length: 52 }, (_none, at) => [ 15600 - at * 300, 30 + Math.round(120 * Math.sin(at / 17) ** 2), 10 + at % 7, 1 ]);

	world.saw([ ...samples, [ 17000, 'up', '106.72.50.97 100' ], [ 8000, 'down', '106.72.50.97 100' ], [ 7940, 'up', '106.72.50.97 100' ] ]);
}

function answers({ options }) {
	const all = worlds.states();
	const moved = (received, sent) => worlds.make(options.program, 'busy', world => {
		day(world);
		world.write('sys/mape-wan/statistics/rx_bytes', `${received}\n`);
		world.write('sys/mape-wan/statistics/tx_bytes', `${sent}\n`);
	});

	return {
		busy: [ moved(84000000000, 9700000000), moved(84040000000, 9702000000) ],
		none: [ worlds.make(options.program, 'none', all['no-interface'].change) ],
		opened: [ withForwards(options, OPENED) ],
		wrong: [ worlds.make(options.program, 'wrong', world => [ 'mtu', 'no-zone' ].forEach(name => all[name].change(world))) ]
	};
}

async function run(suite) {
	const { browser, site, results, options } = suite;

	if (!options.pictures)
		return results.note('pictures', 'not taken without --pictures');

	const known = answers(suite);

	site.leases(LEASES.map(([ address, name ], at) => `1795400000 02:00:00:00:00:0${at + 1} ${address} ${name} *\n`).join(''));
	for (const [ name, { shows, world, width, height, language = 'en', dark = false } ] of Object.entries(PICTURES)) {
		const it = await page(browser, site, { width, height, dark });

		site.language(language);
		site.interfaces(world === 'none' ? {} : { wan: {} });
		site.forwards(world === 'opened' ? OPENED : {});
		for (const [ at, given ] of known[world].entries()) {
			site.answers(given);
			if (at === 0)
				await it.goto(`${site.base}/cgi-bin/luci/${PAGES[shows]}`);
			else
				await it.waitForResponse(answer => (answer.request().postData() ?? '').includes('"status"'), { timeout: 60000 });
			await settled(it);
		}
		await it.waitForTimeout(1500);
		await it.screenshot({ path: path.join(options.pictures, `${name}.png`) });
		results.check(`the picture ${name}`, seen(it));
		await it.context().close();
	}

	site.language('en');
	site.leases('');
	site.forwards({});
	site.interfaces({});
}

module.exports = { run, PICTURES };
