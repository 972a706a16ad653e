import assert from 'node:assert/strict';
import test from 'node:test';

import { json, load } from './luci.js';

const model = load('mape/model.js');
const report = json('tests/vectors/status/v6plus/status.json');
const up = report.interfaces[0];
const copy = value => structuredClone(value);

const states = status => model.chain(status).map(({ state }) => state).join(' ');

test('a line that is up is ok from end to end, with the time of each step', () => {
	assert.equal(states(up), 'ok ok ok ok ok');

	// Prefix and rule are as old as their numbers, which is another time.
	assert.deepEqual(model.chain(up).map(step => step.seconds), [up.uplink_uptime, null, null, up.uptime, null]);
});

test('an error stops the chain where it happens', () => {
	const failed = code => ({ state: 'pending', error: { code, message: null, hint: null }, line: null });

	assert.equal(states(failed('MAPE_NO_IPV6_YET')), 'bad wait wait wait wait');
	assert.equal(states(failed('MAPE_NOT_FIRST_SUBNET')), 'ok bad wait wait wait');
	assert.equal(states(failed('MAPE_PREFIX_NOT_IN_RULES')), 'ok ok bad wait wait');
	assert.equal(states(failed('MAPE_PROVISIONING_NO_ANSWER')), 'ok ok bad wait wait');
	assert.equal(states(failed('MAPE_CE_IN_USE')), 'ok ok ok bad wait');
	assert.equal(states(failed('NO_DEVICE')), 'ok ok ok bad wait');
	assert.equal(states({ state: 'pending', error: null }), 'wait unknown unknown unknown unknown');
	// The earlier steps were not checked, or their state cannot be read.
	assert.equal(states({ state: 'down', error: null }), 'unknown unknown unknown unknown unknown');
	assert.equal(states(failed('MAPE_OPTION_INVALID')), 'unknown unknown bad wait wait');
	assert.equal(states(failed('MAPE_RULE_INCONSISTENT')), 'unknown unknown bad wait wait');
	for (const code of ['MAPE_UBUS', 'MAPE_UCI', 'MAPE_SYSTEM_REFUSED', 'NETIFDS_OWN'])
		assert.equal(states(failed(code)), 'unknown unknown unknown bad wait');
	assert.equal(states(failed('MAPE_MTU_TOO_SMALL')), 'ok ok ok bad wait');
	assert.equal(states({ ...up, state: 'shut' }), 'ok ok ok bad wait');
});

test('IPv4 is verified by what came back', () => {
	const last = (rx, tx) => model.chain({ ...up, traffic: { rx_packets: rx, tx_packets: tx } })[4].state;

	assert.equal(last(1, 0), 'ok');
	assert.equal(last(0, 19), 'wait');
	assert.equal(last(0, 20), 'bad');
	assert.equal(last(null, 20), 'unknown');
	assert.equal(last(0, null), 'wait');
});

test('blocks are as the program counts them', () => {
	const blocks = model.blocks(up);

	assert.equal(blocks.length, 15);
	assert.deepEqual(blocks[0], { first: 5696, last: 5711, size: 16, reserved: 1, published: 0, used: { tcp: 2, udp: 0, icmp: 0 }, most: 2, level: 0.125 });
	assert.equal(blocks[1].reserved, 2);
	assert.equal(blocks.reduce((sum, block) => sum + block.reserved, 0), 3);
	assert.equal(blocks.reduce((sum, block) => sum + block.used.tcp, 0), up.ports.used.tcp);
});

test('a port that leads to a host is published and no longer called reserved', () => {
	const [ status ] = json('tests/vectors/status/v6plus/servers.json').interfaces;

	for (const drawn of [ status, { ...status, ports: null }, { ...status, forwards: [ null, {}, ...status.forwards, status.forwards[0] ] } ]) {
		const block = model.blocks(drawn).find(({ first }) => first === 13888);

		// The other port waits for its host.
		assert.deepEqual([ block.published, block.reserved ], [ 1, 1 ]);
		assert.deepEqual(model.blocks(drawn).map(({ published }) => published).reduce((a, b) => a + b), 1);
	}

	const words = model.setText(status);

	assert.ok(words.endsWith('(reserved: 5696, 9792-9793, 13892; published: 13890)'), words);
	assert.ok(model.setText({ ...status, line: { ...status.line, reserved: [ [ 13888, 13892 ] ] } }).includes('reserved: 13888-13889, 13891-13892;'));

	const translated = load('mape/model.js', {}, text => `<${text}>`);

	assert.ok(translated.setText(status).endsWith('(<reserved: 5696, 9792-9793, 13892>; <published: 13890>)'));
});

test('unknown is never nothing', () => {
	const status = copy(up);

	status.ports.used = { tcp: null, udp: null, icmp: null };
	status.ports.connections = { tcp: null, udp: null, icmp: null };
	status.ports.peak = null;
	status.ports.hosts = null;
	for (const block of status.ports.blocks)
		block.used = { tcp: null, udp: 3, icmp: null };

	for (const total of model.totals(status))
		assert.deepEqual([total.used, total.connections, total.peak, total.level, total.peakLevel], [null, null, null, null, null]);
	for (const block of model.blocks(status))
		assert.deepEqual([block.most, block.level], [null, null]);
	assert.deepEqual(model.nearlyFull(status), []);
	assert.equal(model.hosts(status), null);
	assert.deepEqual(model.remember([], status, 9), [[null, null, null]]);

	// Without ports the set itself is still known.
	status.ports = null;
	assert.equal(model.blocks(status).length, 15);
	assert.ok(model.blocks(status).every(block => block.level === null && block.used.tcp === null));
	assert.equal(model.blocks({ line: null }).length, 0);
});

test('a warning comes at 80 % and not before', () => {
	const status = copy(up);

	status.ports.usable = 10;
	status.ports.used = { tcp: 8, udp: 7, icmp: 10 };
	assert.deepEqual(model.nearlyFull(status).map(total => total.protocol), ['tcp', 'icmp']);
	assert.ok(model.isNearlyFull(0.8) && !model.isNearlyFull(0.79) && !model.isNearlyFull(null));
});

test('failures to enter a connection alarm only when they come with a full set', () => {
	const full = copy(up);

	full.ports.usable = 30;
	assert.ok(model.ranOut(full, 7, 8));
	assert.ok(!model.ranOut(full, 7, 7), 'since the start of the router');
	assert.ok(!model.ranOut(up, 7, 8), 'two connections raced, or another line');
	for (const [ before, failures ] of [[null, 8], [undefined, 8], [7, null], [7, undefined]])
		assert.ok(!model.ranOut(full, before, failures));
});

test('the chart has gaps where nothing is known', () => {
	const lines = model.lines([[1, 0, 0], [null, 0, 0], [10, 0, 0]], 10, 3);

	assert.deepEqual(lines[0], [[[0, 0.9]], [[1, 0]]]);
	assert.deepEqual(lines[1], [[[0, 1], [0.5, 1], [1, 1]]]);
	assert.deepEqual(model.lines([[1, 1, 1]], null, 3), [[], [], []]);

	let samples = [];
	for (let i = 0; i < 70; i++)
		samples = model.remember(samples, up, 60);
	assert.equal(samples.length, 60);
	assert.deepEqual(samples[0], [26, 12, 3]);
});

test('the set as text has every range', () => {
	const words = model.setText(up);

	for (const [first, last] of up.line.port_ranges)
		assert.ok(words.includes(`${first}-${last}`), words);
	assert.ok(words.includes('reserved: 5696, 9792-9793'), words);
	assert.equal(model.setText({ line: null }), '');
});

test('a rule that only the network states is reported as such', () => {
	const from = name => model.ruleFrom(json(`tests/vectors/luci/${name}.json`));

	assert.deepEqual(['provisioned', 'dhcpv6', 'nobodys', 'other-provider', 'table'].map(from), ['provisioning', 'dhcpv6', null, null, null]);
	// Whose choice stands in the way is more than who states a rule.
	assert.equal(model.ruleFrom({ line: json('tests/vectors/luci/provisioned.json').line, plan: json('tests/vectors/luci/other-provider.json').plan }), null);
	for (const bad of [null, {}, { line: null }, { line: { line: 'map-e', evidence: 'x' }, plan: { error: {} } }, { line: { line: 'map-e', evidence: [null] }, plan: { error: {} } }])
		assert.equal(model.ruleFrom(bad), null);
});

test('rows of a line name provider and PSID', () => {
	const data = { provider: 'ocn', psid: 52, port_ranges: [[1, 2]], port_count: 1008 };

	assert.deepEqual(model.summary(data), { provider: 'ocn', psid: 52 });
	assert.deepEqual(model.summary({ ...data, port_count: 65536 }), { provider: 'ocn', psid: null });
	assert.equal(model.psid(up.line), up.line.psid);
	assert.equal(model.psid({ psid: 0, port_count: 65536 }), null);
	assert.ok(!model.setText({ line: { ...up.line, psid: 0, port_count: 65536 } }).includes('PSID'));
	for (const bad of [null, undefined, {}, [], 'x', { provider: 5, psid: 1 }, { provider: 'ocn', psid: 'x' }])
		assert.equal(model.summary(bad), null);
});

test('whatever comes instead of the status is drawn', () => {
	for (const bad of [null, undefined, {}, [], 'x', 5, { ports: {} }, { ports: { blocks: [{}] } }, { line: { port_ranges: [['<b>', 2], 5] } },
		{ state: 'up', traffic: null, line: {} }, { ports: { blocks: [{ first: '<b>', last: 1, used: null }], used: 'x', usable: 'x' } }]) {
		model.chain(bad);
		assert.deepEqual(model.blocks(bad), []);
		assert.equal(model.totals(bad).length, 3);
		assert.deepEqual(model.nearlyFull(bad), []);
		assert.equal(typeof model.setText(bad?.line ? null : bad), 'string');
	}
});

test('an answer with 63 blocks and 1008 ports in use has at most 8 kB', () => {
	const large = copy(report);
	const status = large.interfaces[0];
	const blocks = Array.from({ length: 63 }, (_, index) => [63504 - index * 1024, 63519 - index * 1024]);
	const full = { tcp: 16, udp: 16, icmp: 16 };

	status.line.port_ranges = blocks;
	status.line.port_count = 1008;
	status.line.reserved = blocks.slice(0, 8);
	status.ports.blocks = blocks.map(([first, last]) => ({ first, last, used: full }));
	status.ports.used = { tcp: 1008, udp: 1008, icmp: 1008 };
	status.ports.connections = { tcp: 65536, udp: 65536, icmp: 65536 };
	status.warning = { code: 'MAPE_PROVISIONING_NO_ANSWER', message: 'x'.repeat(120), hint: 'x'.repeat(120) };

	const bytes = JSON.stringify({ jsonrpc: '2.0', id: 100, result: [0, large] }).length;

	assert.ok(bytes <= 8192, `${bytes} bytes`);
	assert.equal(model.blocks(status).filter(block => block.level === 1).length, 63);
});

test('a state has a tone, and an error waits for nothing', () => {
	const full = { tcp: 230, udp: 0, icmp: 0 };
	const up = { state: 'up', ports: { usable: 240, used: { tcp: 1, udp: 0, icmp: 0 } } };

	for (const [status, name, tone] of [
		[up, 'up', 'ok'],
		[{ ...up, warning: { code: 'X' } }, 'up', 'warn'],
		[{ ...up, ports: { usable: 240, used: full } }, 'up', 'warn'],
		[{ state: 'shut' }, 'shut', 'bad'],
		[{ state: 'pending', error: { code: 'X' } }, 'error', 'bad'],
		[{ state: 'down', error: { code: 'X' } }, 'error', 'bad'],
		[{ state: 'pending', error: null }, 'pending', 'busy'],
		[{ state: 'down' }, 'down', 'off'],
		[null, undefined, 'off'],
	])
		assert.deepEqual(model.shown(status), { name, tone }, JSON.stringify(status));
});

test('parts of the set have the colours of 80 and 95 %', () => {
	for (const [level, heat] of [[null, ''], [0, ''], [0.79, ''], [0.8, 'warn'], [0.949, 'warn'], [0.95, 'bad'], [1, 'bad']])
		assert.equal(model.heat(level), heat, String(level));
});

test('a rate is what came between two looks, and unknown is not 0', () => {
	const at = (rx, tx) => ({ traffic: { rx_bytes: rx, tx_bytes: tx } });

	assert.deepEqual(model.rates(at(1000, 0), at(6000, 0), 5), { rx: 8000, tx: 0 });
	// The counters of a new device begin at 0.
	assert.deepEqual(model.rates(at(1000, 5), at(10, 10), 5), { rx: null, tx: 8 });
	for (const [before, status, seconds] of [[null, at(1, 1), 5], [at(1, 1), at(null, null), 5], [at(1, 1), at(2, 2), 0], [at(1, 1), at(2, 2), NaN], [undefined, null, 1]])
		assert.deepEqual(model.rates(before, status, seconds), { rx: null, tx: null });
});

test('a day has lines, gaps and losses', () => {
	const history = {
		step: 300, usable: 100,
		samples: [[86400, 10, 0, 0], [86100, 20, 0, 0], [43200, 100, 0, 0]],
		changes: [{ ago: 90000, event: 'up' }, { ago: 86401, event: 'down' }, { ago: 43200, event: 'down' }, { ago: 0, event: 'up' }],
	};
	const [tcp, udp] = model.dayLines(history);

	assert.deepEqual(tcp.map(line => line.length), [2, 1]);
	assert.deepEqual([tcp[0][0], tcp[1][0], udp[1][0]], [[0, 0.9], [0.5, 0], [0.5, 1]]);
	assert.deepEqual(model.losses(history), [0.5]);
	// What is older, and the first look, are none of the day.
	assert.deepEqual(model.recentChanges(history).map(({ ago }) => ago), [43200, 0]);
	// Without the number of ports no level is known, and without a history nothing is.
	for (const none of [{ ...history, usable: null }, {}, null])
		assert.deepEqual(model.dayLines(none), [[], [], []]);
	assert.deepEqual(model.losses(null), []);
});

test('ranges that follow each other are one', () => {
	assert.deepEqual(model.joined([[9794, 9807], [5696, 5696], [5697, 5711], [9792, 9793], [20, 21], [23, 23]]), [[20, 21], [23, 23], [5696, 5711], [9792, 9807]]);
	assert.deepEqual(model.joined(null), []);
	assert.equal(model.size([[5696, 5711], [9792, 9792]]), 17);
});

test('a day in which nothing was seen is not drawn', () => {
	assert.equal(model.hasDay(null), false);
	assert.equal(model.hasDay({ samples: [], changes: [] }), false);
	assert.equal(model.hasDay({ samples: [], changes: [{ ago: 5, event: 'up' }] }), true);
	assert.equal(model.hasDay({ samples: [[5, 1, 1, 1]], changes: [] }), true);
});
