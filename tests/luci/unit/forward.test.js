// The options of a forward, and how it stands.

import assert from 'node:assert/strict';
import test from 'node:test';

import { load } from './luci.js';

const forwards = load('mape/forward.js');

test('a range is shown with both ends', () => {
	assert.equal(forwards.outside({ port: 5700 }), '5700');
	assert.equal(forwards.outside({ port: 5700, last: 5707 }), '5700-5707');
	assert.equal(forwards.outside({ port: null }), null);
	assert.equal(forwards.outside(undefined), null);
});

test('reserved ports are those that the program takes', () => {
	for (const list of ['5696', '05696', '9792-9799', '5-5', '1-65535', '1,2-3'])
		assert.ok(forwards.isList(list), list);
	for (const list of ['0', '0-5', '70000', '1-70000', '9-3', '5711-5696', '1,', ',1', '', '-', '5-', '1 2', '5696\n', 'x', '5e3', '123456', '1-2-3'])
		assert.ok(!forwards.isList(list), list);
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
