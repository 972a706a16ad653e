// Each code of the program becomes Japanese on the pages, without an English word in it.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';

import { json, load, read } from './luci.js';

const { read: catalogue } = createRequire(import.meta.url)('../browser/po.js');
const texts = new Map(catalogue(read('luci-app-mape/po/ja/mape.po')).map(({ context, id, texts: [text] }) => [context ? `${context}\u0001${id}` : id, text]));
const text = load('mape/text.js', {}, (id, context) => texts.get(context ? `${context}\u0001${id}` : id) ?? id);

// Names of protocols, products, programs and files, and words that Japanese has as they are.
const NAMES = new Set(`4over6 464XLAT BIGLOBE BR CA CE CPU DHCP DHCPv6 DMM DNS DS-Lite DUID DUID-LL GMO HB46PP HGW HTTPS IP IPIP IPoE IPv4 IPv6
	LAN LW4over6 Lightweight MAC MAP MAP-E MAP-T MTU NAT NDP NGN ID SNAT URL postrouting NTT NURO OCN OpenWrt PSID RA SLAAC TCP UDP UPnP WAN Cross Pass Xpass SoftBank So-net
	NAT-PMP PCP auto_includes ca-bundle curl defaults etc config firewall fw4 check service start reload ipip6 ip6_tunnel kmod-ip6-tunnel kmod-nf-conntrack-netlink
	lan mape-rs ds-lite map miniupnpd netifd odhcp6c package relay transix uclient-fetch v6 v6plus wan wan4 wan6 MAPE docomo excite en ic-net ip`.split(/\s+/));

function english(words) {
	return words.replace(/‹[^›]*›|IPv4 over IPv6|(?:LW)?4over6|464XLAT/g, '').match(/[A-Za-z][A-Za-z0-9_-]*/g)?.filter(word => !NAMES.has(word) && !(/^(v?[0-9]+[A-Za-z]*|MAPE_[A-Z0-9_]+)$/).test(word)) ?? [];
}

// A value of the program, which is no word of ours.
function values(names) {
	return Object.fromEntries(names.map(name => [name, `‹${name}›`]));
}

function japanese(what, ...words) {
	for (const sentence of words) {
		assert.match(sentence, /[ぁ-んァ-ヶ一-龠]/, `${what}: ${sentence}`);
		assert.deepEqual(english(sentence), [], `${what}: ${sentence}`);
	}
}

test('English is found', () => {
	assert.deepEqual(english('MAP-E の line です'), ['line']);
	assert.deepEqual(english('IPv6 ‹the line›'), []);
});

test('findings of doctor are Japanese', () => {
	const { check, kind, params } = json('tests/vectors/schema/doctor.json').properties.checks.items.properties;
	const of = params['x-of'];
	const codes = json('tests/vectors/schema/error.json').properties.error.properties.code.enum;
	const { code: refusals, params: named } = json('tests/vectors/schema/forward.json').$defs.forward.properties;
	const shown = found => {
		const { title, found: sentences, action } = text.check(found);

		japanese(JSON.stringify(found), title, ...sentences, action);

		return sentences.length;
	};

	for (const name of check.enum)
		shown({ check: name, params: values(of[name] ?? []) });
	for (const name of kind.enum)
		shown({ check: 'interface', kind: name, params: values(of[name] ?? []) });
	for (const code of codes)
		assert.equal(shown({ check: 'interface', kind: 'failed', params: { ...values(['name', 'option', 'value', 'interface']), code } }), 2, code);
	for (const refusal of refusals.enum.filter(code => code !== null))
		assert.equal(shown({ check: 'servers', kind: 'forward', params: { ...values(['forward', ...named['x-of'][refusal] ?? []]), refusal } }), 2, refusal);
	// Each value that the schema names is in a sentence: none is lost.
	for (const [name, names] of Object.entries(of)) {
		const words = text.check({ check: name, kind: name, params: values(names) }).found.join(' ');

		for (const value of names.filter(it => words && ![ 'code', 'refusal', 'leftover', 'ce' ].includes(it)))
			assert.ok(words.includes(`‹${value}›`), `${name}: ${value}`);
	}
});

test('errors, forwards, lines and states are Japanese', () => {
	const { code, params } = json('tests/vectors/schema/forward.json').$defs.forward.properties;
	const detect = json('tests/vectors/schema/detect.json').properties;
	const status = json('tests/vectors/schema/status.json').$defs.interface.properties;

	for (const error of [...text.errorCodes, 'NO_DEVICE', 'SOMETHING_NEW']) {
		japanese(error, text.explain({ code: error }).replace('SOMETHING_NEW', ''));
		japanese(error, text.explain({ code: error, params: values(['option', 'value', 'tunlink', 'interface']) }).replace('SOMETHING_NEW', ''));
	}
	for (const refusal of code.enum.filter(it => it !== null))
		japanese(refusal, text.refusal(refusal, values(params['x-of'][refusal] ?? [])));
	for (const line of detect.line.enum)
		japanese(line, text.line(line));
	for (const confidence of detect.confidence.enum)
		japanese(confidence, text.confidence(confidence));
	for (const state of status.state.enum)
		japanese(state, text.state(state));
	for (const edge of status.edge.enum.filter(it => it !== null))
		japanese(edge, text.edge(edge));
	for (const from of ['provisioning', 'dhcpv6'])
		japanese(from, text.networkRule(from, true), text.networkRule(from, false));
});
