// What may be asked for on the page "Open a port", and how a forward stands.

import assert from 'node:assert/strict';
import test from 'node:test';

import { json, load } from './luci.js';

const forwards = load('mape/forward.js');
const ranges = [[5696, 5697, 'reserved'], [5698, 5711, 'nat'], [9792, 9792, 'published'], [9793, 9799, 'nat'], [9800, 9807, 'upnp']];
const request = (port, more = {}) => ({ section: 'new', interface: 'wan', proto: ['tcp', 'udp'], port, ...more });

test('a free port of the set is fine, and so is auto', () => {
	for (const port of ['auto', '', '5698', '5711', '9799', '5696'])
		assert.equal(forwards.refusal(request(port), ranges, []), null, port);
});

test('another port is refused with the nearest free ones', () => {
	assert.deepEqual(forwards.refusal(request('443'), ranges, []), { why: 'outside', nearest: [5698, 5699, 5700] });
	assert.deepEqual(forwards.refusal(request('5712'), ranges, []), { why: 'outside', nearest: [5711, 5710, 5709] });
	assert.deepEqual(forwards.refusal(request('65535'), ranges, []), { why: 'outside', nearest: [9799, 9798, 9797] });
	assert.deepEqual(forwards.refusal(request('9800'), ranges, []), { why: 'upnp', nearest: [9799, 9798, 9797] });
	for (const port of ['0', '65536', '-1', '080', '5e3', ' 5698', '5698\n', '5698-5700', '<b>', 'AUTO', '99999999999'])
		assert.deepEqual(forwards.refusal(request(port), ranges, []), { why: 'number', nearest: [] }, port);
});

test('a port of another forward is refused, unless protocol or line differ', () => {
	const held = [{ section: 'other', interface: 'wan', proto: ['tcp'], port: 5700 }];

	assert.deepEqual(forwards.refusal(request('5700'), ranges, held), { why: 'taken', nearest: [5699, 5701, 5698] });
	assert.equal(forwards.refusal(request('5700', { proto: ['udp'] }), ranges, held), null);
	assert.equal(forwards.refusal(request('5700', { section: 'other' }), ranges, held), null);
	assert.equal(forwards.refusal(request('5700', { interface: 'wan2' }), ranges, held), null);
	assert.equal(forwards.refusal(request('5700', { interface: null }), ranges, held).why, 'taken');
});

test('the set is read as the program tells it', () => {
	const answer = json('tests/vectors/luci/port-set.json');

	assert.deepEqual(forwards.ranges(answer, 'wan').slice(0, 4), [[5696, 5696, 'reserved'], [5697, 5711, 'nat'], [9792, 9793, 'reserved'], [9794, 9807, 'nat']]);
	assert.deepEqual(forwards.refusal(request('443'), forwards.ranges(answer, 'wan'), []), { why: 'outside', nearest: [5697, 5698, 5699] });

	const whole = forwards.ranges(json('tests/vectors/luci/port-set-whole.json'), 'wan');

	assert.deepEqual(whole, [[1, 65535, 'nat']]);
	assert.equal(forwards.refusal(request('443'), whole, []), null);
	assert.deepEqual(forwards.refusal(request('443'), whole, [{ section: 'other', interface: 'wan', proto: ['tcp'], port: 443 }]), { why: 'taken', nearest: [442, 444, 441] });
});

test('where the set is not known nothing is called outside', () => {
	assert.equal(forwards.refusal(request('443'), null, []), null);
	for (const set of [null, undefined, {}, { error: {} }, { interfaces: 'x' }, { interfaces: [{ interface: 'wan', ranges: [] }] }, { interfaces: [{ interface: 'wan', ranges: [['<b>', 2]] }, null] }])
		assert.equal(forwards.ranges(set, 'wan'), null);

	const set = { interfaces: [{ interface: 'wan', ranges }, { interface: 'wan2', ranges: [[1, 2, 'nat']] }] };

	assert.deepEqual(forwards.ranges(set, 'wan2'), [[1, 2, 'nat']]);
	// Of several lines, the one that is meant is unknown.
	assert.equal(forwards.ranges(set, null), null);
	assert.deepEqual(forwards.ranges({ interfaces: set.interfaces.slice(0, 1) }, null), ranges);
});

test('reserved ports are those that the program takes', () => {
	for (const list of ['5696', '05696', '9792-9799', '5-5', '1-65535', '1,2-3'])
		assert.ok(forwards.isList(list), list);
	for (const list of ['0', '0-5', '70000', '1-70000', '9-3', '5711-5696', '1,', ',1', '', '-', '5-', '1 2', '5696\n', 'x', '5e3', '123456', '1-2-3'])
		assert.ok(!forwards.isList(list), list);
});

test('ports are held by what the program gave and by what is typed', () => {
	const sections = [
		{ '.name': 'a', proto: 'tcp' }, { '.name': 'b', src_dport: '5701' },
		{ '.name': 'c', src_dport: '5702', enabled: '0' }, { '.name': 'd', src_dport: 'auto' },
	];
	const given = [{ section: 'a', interface: 'wan', proto: ['tcp'], port: 5700 }, { section: 'removed', proto: [], port: 5703 }, { section: 'd', port: null }, null];

	assert.deepEqual(forwards.held(given, sections).map(({ section, port, proto }) => [section, port, proto.join(' ')]),
		[['a', 5700, 'tcp'], ['b', 5701, 'tcp udp']]);
	assert.deepEqual(forwards.held(undefined, []), []);
});

test('a host is an address, or a name that DHCP knows', () => {
	for (const [text, option] of [
		['192.168.1.10', 'dest_ip'], ['::10', 'dest_ip'], ['::0.0.3.1', 'dest_ip'], ['nas', 'dest_host'], ['my-nas.lan', 'dest_host'], ['02:00:00:00:00:aa', 'dest_host'],
		['192.168.1.300', null], ['192.168.1', null], ['', null], ['a b', null], ['-x', null], ['<b>', null], ['2001:db8::1', null], ['nas\n', null],
	])
		assert.equal(forwards.hostOption(text), option, text);
});

test('protocols are read as the program reads them', () => {
	for (const [value, names] of [[null, 'tcp udp'], ['tcp', 'tcp'], ['udp tcp', 'tcp udp'], [['udp'], 'udp'], ['tcpudp', 'tcp udp'], ['all', 'tcp udp'], ['6', 'tcp'], ['17', 'udp'], ['UDP', 'udp']])
		assert.equal(forwards.protocols(value).join(' '), names, String(value));
});

test('a forward stands as the program says, or has not been applied', () => {
	const list = [{ section: 'a', state: 'published' }, null];

	assert.equal(forwards.state({ '.name': 'a' }, list).state, 'published');
	assert.equal(forwards.state({ '.name': 'b' }, list).state, 'changed');
	for (const enabled of ['0', 'off', 'no'])
		assert.equal(forwards.state({ '.name': 'a', enabled }, list).state, 'off');
	for (const bad of [null, undefined, {}, 'x', 5])
		assert.equal(forwards.state({ '.name': 'a' }, bad).state, 'changed');
});
