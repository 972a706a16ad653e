// Each code of the program becomes Japanese or Chinese on the pages, without an English word in it.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';

import { json, load, read } from './luci.js';

const { read: catalogue } = createRequire(import.meta.url)('../browser/po.js');
const LANGUAGES = ['ja', 'zh_Hans', 'zh_Hant'];

// The texts of a language, each behind its context if it has one.
function textsOf(language) {
	return new Map(catalogue(read(`luci-app-mape/po/${language}/mape.po`)).map(({ context, id, texts: [text] }) => [context ? `${context}\u0001${id}` : id, text]));
}

// The module of texts in a language.
function inLanguage(language) {
	const texts = textsOf(language);

	return load('mape/text.js', {}, (id, context) => texts.get(context ? `${context}\u0001${id}` : id) ?? id);
}

// Names of protocols, products, programs and files, and words that Japanese has as they are.
const NAMES = new Set(`4over6 464XLAT BIGLOBE BR CA CE CPU DHCP DHCPv6 DMM DNS DS-Lite DUID DUID-LL GMO HB46PP HGW HTTPS IP IPIP IPoE IPv4 IPv6
	LAN LW4over6 Lightweight MAC MAP MAP-E MAP-T MTU NAT NDP NGN ID SNAT URL postrouting NTT NURO OCN OpenWrt PSID RA SLAAC TCP UDP UPnP WAN Cross Pass Xpass SoftBank So-net
	NAT-PMP PCP auto_includes ca-bundle curl defaults etc config firewall fw4 check service start reload ipip6 ip6_tunnel kmod-ip6-tunnel kmod-nf-conntrack-netlink
	lan mape-rs ds-lite map miniupnpd netifd odhcp6c package relay transix uclient-fetch v6 v6plus wan wan4 wan6 MAPE docomo excite en ic-net ip Plus Virtual Connect Hikari Dual-Stack Lite IPv4-over-IPv6 Provisioning`.split(/\s+/));

function english(words) {
	return words.replace(/‹[^›]*›|IPv4 over IPv6|(?:LW)?4over6|464XLAT/g, '').match(/[A-Za-z][A-Za-z0-9_-]*/g)?.filter(word => !NAMES.has(word) && !(/^(v?[0-9]+[A-Za-z]*|MAPE_[A-Z0-9_]+)$/).test(word)) ?? [];
}

// A value of the program, which is no word of ours.
function values(names) {
	return Object.fromEntries(names.map(name => [name, `‹${name}›`]));
}

function translated(what, ...words) {
	for (const sentence of words) {
		assert.match(sentence, /[ぁ-んァ-ヶ一-龠]/, `${what}: ${sentence}`);
		assert.deepEqual(english(sentence), [], `${what}: ${sentence}`);
	}
}

test('English is found', () => {
	assert.deepEqual(english('MAP-E の line です'), ['line']);
	assert.deepEqual(english('IPv6 ‹the line›'), []);
});

// Characters that only one of the two scripts has, in words of routers.
const SIMPLIFIED = /[这个们为时会过对说请设务网络连线关闭启动应据运错误实现单选择显无区规则态检查复报删级转发隧没]/;
const TRADITIONAL = /[這個們為時會過對說請設務網絡連線關閉啟動應據運錯誤實現單選擇顯無區規則態檢查復報刪級轉發]/;

test('simplified and traditional characters are not mixed', () => {
	const both = new Set([...SIMPLIFIED.source].filter(letter => TRADITIONAL.source.includes(letter) || letter === '隧' || letter === '没'));
	const own = (script, text) => [...text].filter(letter => script.source.includes(letter) && !both.has(letter) && !'[]'.includes(letter)).join('');

	for (const [language, other] of [['zh_Hans', TRADITIONAL], ['zh_Hant', SIMPLIFIED]])
		for (const text of textsOf(language).values())
			assert.equal(own(other, text), '', `${language}: ${text}`);
});

for (const language of LANGUAGES) {
	const text = inLanguage(language);

	test(`findings of doctor in ${language}`, () => {
		const { check, kind, params } = json('tests/vectors/schema/doctor.json').properties.checks.items.properties;
		const of = params['x-of'];
		const codes = json('tests/vectors/schema/error.json').properties.error.properties.code.enum;
		const { code: refusals, params: named } = json('tests/vectors/schema/forward.json').$defs.forward.properties;
		const shown = found => {
			const { title, found: sentences, action } = text.check(found);

			translated(JSON.stringify(found), title, ...sentences, action);

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

	test(`errors, forwards, lines and states in ${language}`, () => {
		const { code, params } = json('tests/vectors/schema/forward.json').$defs.forward.properties;
		const detect = json('tests/vectors/schema/detect.json').properties;
		const status = json('tests/vectors/schema/status.json').$defs.interface.properties;

		for (const error of [...text.errorCodes, 'NO_DEVICE', 'SOMETHING_NEW']) {
			translated(error, text.explain({ code: error }).replace('SOMETHING_NEW', ''));
			translated(error, text.explain({ code: error, params: values(['option', 'value', 'tunlink', 'interface']) }).replace('SOMETHING_NEW', ''));
		}
		for (const refusal of code.enum.filter(it => it !== null))
			translated(refusal, text.refusal(refusal, values(params['x-of'][refusal] ?? [])));
		for (const line of detect.line.enum)
			translated(line, text.line(line));
		for (const confidence of detect.confidence.enum)
			translated(confidence, text.confidence(confidence));
		for (const state of status.state.enum)
			translated(state, text.state(state));
		for (const edge of status.edge.enum.filter(it => it !== null))
			translated(edge, text.edge(edge));
		for (const from of ['provisioning', 'dhcpv6'])
			translated(from, text.networkRule(from, true), text.networkRule(from, false));
	});
}
