import assert from 'node:assert/strict';
import test from 'node:test';

import { load } from './luci.js';

const rules = load('mape/rule.js');

const V6PLUS = { ipv6: '240b:10::/31', ipv4: '106.72.0.0/15', ea: '25', offset: '4', psidlen: '8', br: '2404:9200:225:100::64' };

test('a rule of ours, as --rule takes it', () => {
	const line = 'ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,offset=4,psidlen=8,br=2404:9200:225:100::64,layout=draft03';

	assert.deepEqual(rules.parse(line), { ...V6PLUS, layout: 'draft03' });
	assert.equal(rules.write(rules.parse(line)), line);
	assert.ok(rules.isPlain(line));
});

test('a rule of the package map, with blanks and quotes as people paste it', () => {
	const line = 'type=map-e,ipv6prefix=240b:10::,prefix6len=31,ipv4prefix=106.72.0.0,prefix4len=15,psidlen=8,offset=4,ealen=25,br=2404:9200:225:100::64';

	for (const text of [line, ` ${line}, `, `'${line}'`, `"fmr,${line}"`, line.replaceAll(',', ', '), line.replaceAll(',', '\n'), `RULE="${line}"`])
		assert.deepEqual(rules.parse(text), V6PLUS, text);
});

test('a rule that states no layout is written as map does, since in our form it would be another one', () => {
	const line = 'type=map-e,ipv6prefix=240b:10::,prefix6len=31,ipv4prefix=106.72.0.0,prefix4len=15,ealen=25,offset=4,psidlen=8,br=2404:9200:225:100::64';

	assert.equal(rules.write(V6PLUS), line);
	assert.equal(rules.write(rules.parse(line)), line);
	assert.equal(rules.write(rules.parse('ipv6=240b:10::/31,ea=25')), 'ipv6=240b:10::/31,ea=25,layout=draft03');
	assert.ok(rules.write({ ...V6PLUS, psid: '52' }).includes(',psid=13312,'));
	assert.ok(rules.write({ ...V6PLUS, psid: '0x34' }).includes(',psid=13312,'));
	// Left-aligned already: it stays, and the program reads it.
	assert.ok(rules.write({ ...V6PLUS, psid: '13312' }).includes(',psid=13312,'));
	// UCI's lists of one are options.
	assert.equal(rules.fromSection({ ip6prefix: ['2001:db8::'], ip6prefixlen: '32', peeraddr: ['2001:db8::1'] }).br, '2001:db8::1');
	assert.equal(rules.fromSection({ rule: ['ipv6=2001:db8::/40,psid=52'] }).psid, '52');
	assert.equal(rules.parse("list ip6prefix '2001:db8::'\nlist ip6prefixlen '40'\nlist peeraddr '2001:db8::1'").br, '2001:db8::1');
	assert.equal(rules.write({}), '');
	assert.equal(rules.write(null), '');
	// Two rules are more than the form has place for.
	assert.equal(rules.parse(`${line} ${line}`), null);
});

test('the PSID of a map rule is left-aligned, that of options is not', () => {
	const line = 'type=map-e,ipv6prefix=2001:db9:12:3400::,prefix6len=56,ipv4prefix=192.0.2.18,prefix4len=32,ealen=0,psidlen=8,psid=13312,br=2001:db8::1';

	assert.equal(rules.parse(line).psid, '52');
	assert.equal(rules.fromSection({ ip6prefix: '2001:db8::', ip6prefixlen: '32', psid: '52', psidlen: '8' }).psid, '52');
	// EA bits hold it then.
	assert.equal(rules.parse(line.replace('psidlen=8', 'psidlen=0')).psid, undefined);
});

test('options of another interface', () => {
	const uci = `config interface 'wan4'
	option proto 'map'
	option maptype 'map-e'
	option peeraddr '2404:9200:225:100::64'
	option ipaddr '106.72.0.0'
	option ip4prefixlen '15'
	option ip6prefix '240b:10::'
	option ip6prefixlen '31'
	option ealen '25'
	option psidlen '8'
	option offset '4'
	option legacymap '1'
	option mtu '1460'
`;

	assert.deepEqual(rules.parse(uci), { ...V6PLUS, layout: 'draft03' });
	assert.deepEqual(rules.parse("\toption rule 'ipv6=240b:10::/31,ipv4=106.72.0.0/15,ea=25,br=2404::1'\n"),
		{ ipv6: '240b:10::/31', ipv4: '106.72.0.0/15', ea: '25', br: '2404::1', layout: 'draft03' });
});

test('the rule of a section, in either form', () => {
	assert.deepEqual(rules.fromSection({ rule: 'ipv6=240b:10::/31,ea=25' }), { ipv6: '240b:10::/31', ea: '25', layout: 'draft03' });
	assert.deepEqual(rules.fromSection({ ip6prefix: '240b:10::', ip6prefixlen: '31', ipaddr: '106.72.0.0', ip4prefixlen: '15', ealen: '25', psidlen: '8', offset: '4', peeraddr: '2404:9200:225:100::64' }), V6PLUS);
	for (const none of [null, undefined, {}, { proto: 'mape', provider: 'auto' }, { legacymap: '1' }])
		assert.equal(rules.fromSection(none), null);
});

test('what is no rule is none', () => {
	for (const text of ['', '  ', null, undefined, 'hello', 'a=b', 'type=map-t,ipv6prefix=2001:db8::', '=', 'ipv6', '<script>', 'ipv6=240b::/31,what=1', 'x'.repeat(100000)])
		assert.equal(rules.parse(text), null, String(text).slice(0, 40));
});

test('missing values are named', () => {
	assert.deepEqual(rules.missing({ ipv6: 'x', ea: '25' }), ['ipv4', 'br']);
	assert.deepEqual(rules.missing(V6PLUS), []);
	assert.deepEqual(rules.missing(null), ['ipv6', 'ipv4', 'ea', 'br']);
});

test('only plain text goes to the router', () => {
	for (const bad of ['', '-x', 'ipv6=$(reboot)', "ipv6='", 'ipv6=a b', 'ipv6=a\n', 'ipv6=`x`', `ipv6=${'1'.repeat(300)}`])
		assert.ok(!rules.isPlain(bad), bad);
});

test('whatever is pasted, what is written again reads the same', () => {
	let seed = 7;
	const random = limit => (seed = (seed * 1103515245 + 12345) % 2147483648) % limit;
	const words = ['ipv6=', 'ipv4=', 'ea=', 'br=', 'psid=', 'type=map-e', 'psidlen=8', ',', ' ', '\n', '/', '31', '2001:db8::', '192.0.2.0/24', '"', "option ealen '25'", '<img src=x>', 'é', '\u0000', 'fmr', 'legacymap=1'];

	for (let i = 0; i < 20000; i++) {
		const text = Array.from({ length: random(12) }, () => words[random(words.length)]).join('');
		const rule = rules.parse(text);

		if (rule === null)
			continue;

		for (const key of Object.keys(rule))
			assert.ok(rules.keys.includes(key), text);

		const written = rules.write(rule);

		if (rules.isPlain(written) && rules.missing(rule).length === 0)
			assert.equal(rules.write(rules.parse(written)), written, text);
	}
});
