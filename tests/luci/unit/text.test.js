import assert from 'node:assert/strict';
import test from 'node:test';

import { json, load, read } from './luci.js';

const text = load('mape/text.js');

function sorted(list) {
	return [...list].sort();
}

test('every error code of the program has its sentence, and no other', () => {
	const codes = [...read('crates/mape-core/src/error.rs').matchAll(/=> "(MAPE_[A-Z0-9_]+)"/g)].map(([, code]) => code);

	assert.ok(codes.length > 20);
	assert.deepEqual(sorted(text.errorCodes), sorted(codes));

	for (const code of codes) {
		const sentence = text.error(code);

		assert.ok(!sentence.includes('MAPE_'), sentence);
		// What is wrong and what to do are two sentences, or one of two parts.
		assert.ok((sentence.match(/[.;]/g) ?? []).length >= 2, sentence);
	}
});

test('a provider that is chosen wrongly is named, with the one of the line', () => {
	const { error } = json('tests/vectors/luci/other-provider.json').plan;

	assert.equal(text.explain(error), 'This line belongs to v6 Plus, but the provider is set to OCN Virtual Connect. Set the provider to Automatic.');
	// netifd keeps no params.
	assert.match(text.explain({ ...error, params: undefined }), /change it to Automatic/);
	assert.equal(text.explain(json('tests/vectors/luci/nobodys.json').plan.error), text.error('MAPE_PREFIX_NOT_IN_RULES'));
	assert.ok(!text.explain({ ...error, params: { provider: '<b>', line: '<b>' } }).includes('<'));
	for (const bad of [null, undefined, {}, { params: 5 }])
		assert.equal(typeof text.explain(bad), 'string');
});

test('every refusal of a forward has its sentence, and no other', () => {
	const forward = json('tests/vectors/schema/forward.json').$defs.forward.properties;

	assert.deepEqual(sorted(text.refusals), sorted(forward.code.enum.filter(code => code !== null)));
	assert.equal(text.refusal('outside', { value: '443', nearest: '5697 5698' }),
		'Port 443 is not in your port set, so nothing can arrive there. Free ports nearby: 5697, 5698');
	assert.equal(text.explain({ code: 'MAPE_OPTION_INVALID', params: { option: 'src_dport', value: '443', refusal: 'outside' } }),
		text.refusal('outside', { value: '443' }));
});

test('a rule that the network states has its sentence', () => {
	assert.match(text.networkRule('provisioning', false), /set Provisioning .*HB46PP/);
	assert.ok(!text.networkRule('provisioning', true).includes('set Provisioning'));
	assert.match(text.networkRule('dhcpv6', false), /by itself/);
});

test('every check of doctor and every kind of line has its words', () => {
	const doctor = json('tests/vectors/schema/doctor.json');
	const detect = json('tests/vectors/schema/detect.json');
	const checks = doctor.properties.checks.items.properties.check.enum;

	assert.deepEqual(sorted(text.checkNames), sorted(checks));
	// Those that only a probe has too.
	for (const file of ['line', 'probe', 'forwards', 'uplink', 'zone'])
		for (const [, name] of read(`crates/mape-proto/src/doctor/${file}.rs`).matchAll(/const CHECK: &str = "(\w+)"/g))
			assert.ok(checks.includes(name), `${name} is not in the schema`);
	for (const name of checks)
		assert.ok(text.check({ check: name }).title && text.check({ check: name }).action, name);

	// Each thing that is wrong has its own words, whatever else the check can find.
	const kinds = doctor.properties.checks.items.properties.kind.enum;
	const of = doctor.properties.checks.items.properties.params['x-of'];
	const words = kind => {
		const { found, action } = text.check({ kind, params: Object.fromEntries((of[kind] ?? []).map(name => [name, name])) });

		return [...found, action].join(' ');
	};

	for (const kind of kinds)
		assert.ok(words(kind).length > 20, kind);
	assert.equal(new Set(kinds.map(words)).size, kinds.length);
	// A value that is not there leaves no gap in a sentence.
	for (const kind of [...checks, ...kinds])
		assert.doesNotMatch(text.check({ check: kind, kind, params: {} }).found.join(' '), /[{}]/);
	for (const file of ['kernel', 'line', 'resolvers', 'forwards', 'uplink', 'zone'])
		for (const [, kind] of read(`crates/mape-proto/src/doctor/${file}.rs`).matchAll(/with_kind\("(\w+)"\)|^\s+\("(\w+)", \w+\(context/gm))
			assert.ok(kind === undefined || kinds.includes(kind), kind);
	assert.equal(text.check({ check: 'zone' }).action, text.check({ check: 'zone', kind: 'constructor' }).action);

	assert.deepEqual(sorted(text.lineNames), sorted(detect.properties.line.enum));

	for (const provider of detect.properties.provider.enum)
		assert.notEqual(text.provider(provider), undefined);
	for (const confidence of detect.properties.confidence.enum)
		assert.notEqual(text.confidence(confidence), confidence);
});

test('states, edges and sources of the schemas have their words', () => {
	const status = json('tests/vectors/schema/status.json').$defs.interface.properties;
	const data = json('tests/vectors/schema/ifstatus-data.json').properties;
	const port = json('tests/vectors/schema/ports.json').properties.interfaces.items.properties.ports.items.properties;

	for (const state of status.state.enum)
		assert.notEqual(text.state(state), 'unknown');
	for (const edge of status.edge.enum.filter(edge => edge !== null))
		assert.notEqual(text.edge(edge), 'unknown');
	for (const role of port.role.enum.filter(role => role !== 'nat'))
		assert.ok(read('luci-app-mape/htdocs/luci-static/resources/mape/text.js').includes(`\t${role}: `), role);
	for (const source of data.rule_source.enum)
		assert.notEqual(text.source(source), 'unknown');
	for (const provider of data.provider.enum)
		assert.notEqual(text.provider(provider), provider);
});

test('unknown values do no harm', () => {
	for (const name of ['constructor', '__proto__', 'toString', null, undefined, '<b>', 5]) {
		assert.equal(typeof text.provider(name), 'string');
		assert.ok(!text.provider(name).includes('<'));
		assert.match(text.error(name), /^The network service reported the error/);
		assert.equal(typeof text.line(name), 'string');
		assert.equal(typeof text.check({ check: name, kind: name, params: { refusal: name, code: name } }).title, 'string');
		assert.equal(typeof text.refusal(name, name), 'string');
		assert.equal(text.state(name), 'unknown');
	}
});

test('a time is as long as a person says it', () => {
	const times = [[0, '0 s'], [59, '59 s'], [60, '1 min'], [3599, '59 min'], [3600, '1 h'], [15021, '4 h 10 min'], [86400, '24 h'], [90000, '1 d 1 h'], [797798, '9 d 5 h']];

	for (const [seconds, words] of times)
		assert.equal(text.duration(seconds), words);
});
