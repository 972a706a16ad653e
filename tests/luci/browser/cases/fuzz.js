'use strict';

// Calls of the plugin on the router itself, with invalid arguments of every kind. Each gets an
// error or the program's answer about that argument, and rpcd keeps running.

const payloads = require('../payloads.js');

const NAMES = {
	status: [ 'interface' ], ports: [ 'interface' ], doctor: [ 'interface' ], report: [ 'interface' ],
	plan: [ 'prefix', 'provider', 'rule', 'layout', 'reserved_ports' ], probe: [ 'interface', 'target' ], retry: [ 'interface' ]
};

const VALUES = [
	null, true, false, 0, -1, 1.5, 2 ** 40, [], [ 'wan' ], {}, { a: 1 }, '--help', '-h', '--record=/tmp/lab/written', '--apply', '--config=/etc/shadow',
	'wan;touch /tmp/lab/written', '$(touch /tmp/lab/written)', '`touch /tmp/lab/written`', 'wan\ntouch /tmp/lab/written', '../../etc/shadow', '/etc/shadow',
	'a'.repeat(5000), 'ワン', '|touch /tmp/lab/written', '&& touch /tmp/lab/written', '%n%n%n', ...payloads
];

async function run({ site, results }) {
	site.interfaces({ wan: {} });
	site.answers(null);

	const pid = () => site.router('sh', '-c', 'cat /proc/[0-9]*/stat').stdout.split('\n').filter(line => /^\d+ \(rpcd\)/.test(line)).map(line => line.split(' ')[0]).join();
	const before = pid();
	const wrong = [];
	let calls = 0;

	for (const [ method, names ] of Object.entries(NAMES))
		for (const name of names)
			for (const value of VALUES) {
				const args = JSON.stringify({ ...(method === 'plan' && name !== 'prefix' ? { prefix: '240b:10:3261:6400::/56' } : {}), [name]: value });
				const { status, stdout, stderr } = site.router('ubus', '-t', '20', 'call', 'luci.mape', method, args);

				calls++;
				if (/root:\$|Usage:/.test(stdout))
					wrong.push(`${method} ${args.slice(0, 80)}: ${stdout.slice(0, 80)}`);
				if (status === null || /timed out/.test(stderr))
					wrong.push(`${method} ${args.slice(0, 80)}: no answer`);
				// What was given and is wrong is refused, and not left out.
				if (typeof value === 'string' && value.trim() && status === 0 && !/"error"|"text": ""/.test(stdout))
					wrong.push(`${method} ${args.slice(0, 80)}: taken, ${stdout.slice(0, 60)}`);
			}

	if (site.router('test', '-e', '/tmp/lab/written').status === 0)
		wrong.push('an argument was run as a command');
	if (pid() !== before)
		wrong.push('rpcd has died');

	results.check(`${calls} calls with wrong arguments: refused, nothing run, rpcd still there`, wrong);

	const plan = site.router('ubus', 'call', 'luci.mape', 'plan', '{"prefix":"240b:10:3261:6400::/56"}');

	results.check('a right argument is answered', !/106\.72\.50\.97/.test(plan.stdout) && plan.stdout + plan.stderr);
}

module.exports = { run, needs: 'real' };
