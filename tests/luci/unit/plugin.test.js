// rpcd's plugin with whatever a session may send. ucode is near enough to JavaScript to be run
// here, with stand-ins for what it has of its own; the browser suite runs it under rpcd itself.

import assert from 'node:assert/strict';
import test from 'node:test';

import { json, read } from './luci.js';

const PATH = 'luci-app-mape/root/usr/share/rpcd/ucode/mape.uc';

const type = value => value === null || value === undefined ? null
	: Array.isArray(value) ? 'array' : typeof value === 'object' ? 'object' : typeof value === 'number' ? 'int' : typeof value;

const UCODE = {
	json: JSON.parse,
	match: (text, shape) => shape.exec(text),
	length: value => value.length,
	index: (text, part) => text.indexOf(part),
	push: (list, value) => list.push(value),
	type,
};

/** The object, on a bus that answers with `answers` in turn; `asked` gets what was asked. */
function plugin(asked, answers = []) {
	const source = read(PATH)
		.replace(/^import .*$/m, '')
		.replace(/for \(let (\w+) in /g, 'for (let $1 of ');
	const bus = {
		defer(object, method, args, then) {
			asked.push({ object, method, args });

			const next = answers.shift() ?? { status: 0, stdout: '{"schema":1}' };

			if (next === 'no answer')
				return null;

			then(next.status ?? 0, 'stdout' in next ? { code: 0, stdout: next.stdout } : undefined);

			return {};
		},
	};

	return new Function('connect', ...Object.keys(UCODE), source)(() => bus, ...Object.values(UCODE))['luci.mape'];
}

/** Calls as rpcd does: an argument of another type than the sample is refused before. */
function call(object, method, args) {
	const spec = object[method].args ?? {};
	let answer;

	for (const name in args)
		if (!(name in spec) || typeof args[name] !== typeof spec[name])
			return { status: 2 };

	const returned = object[method].call({
		args,
		reply: (reply, status) => {
			assert.equal(answer, undefined, 'answered twice');
			answer = { reply, status: status ?? 0 };
		},
	});

	return answer ?? { reply: returned, status: 0 };
}

test('each method starts the program with words, and nothing else', () => {
	for (const [method, args, words] of [
		['status', {}, ['status', '--json']],
		['status', { interface: 'wan4' }, ['status', '--json', 'wan4']],
		// As long as the program takes them.
		['status', { interface: 'a'.repeat(64) }, ['status', '--json', 'a'.repeat(64)]],
		['history', { interface: 'wan4' }, ['status', '--history', '--json', 'wan4']],
		['doctor', { interface: 'wan4_ocn.tokyo-hikari' }, ['doctor', '--json', 'wan4_ocn.tokyo-hikari']],
		['ports', { interface: 'wan4' }, ['ports', '--used', '--json', 'wan4']],
		['forwards', {}, ['forward', 'list', '--json']],
		['port_set', {}, ['ports', '--ranges', '--json']],
		['doctor', { interface: '' }, ['doctor', '--json']],
		['report', { interface: 'wan4' }, ['doctor', '--masked', 'wan4']],
		['plan', { prefix: '240b:10::/56', provider: 'ocn', rule: 'ipv6=240b:10::/31,ea=25', reserved_ports: '1-5,7' },
			['plan', '--json', '--provider=ocn', '--rule=ipv6=240b:10::/31,ea=25', '--reserve=1-5,7', '240b:10::/56']],
		['detect', {}, ['detect', '--json']],
		['ask', {}, ['detect', '--json', '--ask', '--ask-gateway']],
		['probe', { interface: 'wan4', target: '192.0.2.1:443' }, ['doctor', '--json', '--target=192.0.2.1:443', 'wan4']],
		['try_forward', { host: 'nas', dest_port: '443', src_dport: '5700', proto: 'tcp,udp', interface: 'wan4', section: 'mape_x1' },
			['forward', 'add', '--dry-run', '--json', '--port=5700', '--proto=tcp,udp', '--interface=wan4', '--section=mape_x1', 'nas:443']],
		['try_forward', { host: '::10', dest_port: '80' }, ['forward', 'add', '--dry-run', '--json', '::10:80']],
		['load_rules', {}, ['firewall', '--json']],
	]) {
		const asked = [];

		assert.equal(call(plugin(asked), method, args).status, 0);
		assert.deepEqual(asked, [{ object: 'file', method: 'exec', args: { command: '/usr/sbin/mape-proto', params: words } }]);
	}

	const asked = [];

	call(plugin(asked), 'retry', { interface: 'wan4' });
	call(plugin(asked, [{ status: 9 }]), 'retry', { interface: 'wan5' });
	call(plugin(asked), 'restart_network', {});
	assert.deepEqual(asked.map(({ object, method }) => `${object} ${method}`),
		['network.interface.wan4 renew', 'network.interface.wan5 renew', 'network.interface.wan5 up', 'network restart']);
});

test('what a line is comes with the plan for its prefix', () => {
	const asked = [];
	const line = { schema: 1, line: 'map-e', prefix: '240b:10:3261:6400::/56' };
	const plan = { schema: 1, ipv4: '106.72.50.97' };
	const answers = [{ stdout: JSON.stringify(line) }, { stdout: JSON.stringify(plan) }];

	assert.deepEqual(call(plugin(asked, answers), 'detect', {}).reply, { line, plan });
	assert.deepEqual(asked[1].args.params, ['plan', '--json', '240b:10:3261:6400::/56']);

	// A prefix that is none goes nowhere.
	const strange = { stdout: JSON.stringify({ prefix: '--help' }) };

	assert.deepEqual(call(plugin([], [strange]), 'detect', {}).reply, { line: { prefix: '--help' }, plan: null });
});

test('rules that cannot be loaded are reported with the reason', () => {
	const refusal = json('tests/vectors/luci/rules-refused.json');

	assert.equal(refusal.error.code, 'MAPE_FIREWALL_REJECTED');
	assert.deepEqual(call(plugin([], [{ stdout: JSON.stringify(refusal) }]), 'load_rules', {}), { reply: refusal, status: 0 });
	assert.equal(call(plugin([], [{ status: 4 }]), 'load_rules', {}).reply.error.code, 'MAPE_SYSTEM_REFUSED');
	assert.equal(call(plugin([], ['no answer']), 'load_rules', {}).reply.error.code, 'MAPE_SYSTEM_REFUSED');
});

test('a program that does not answer is reported as an error', () => {
	const schema = json('tests/vectors/schema/error.json').properties.error;

	for (const answer of [{ status: 4 }, { stdout: '' }, { stdout: 'no JSON' }, { stdout: '[]' }, { stdout: '5' }, { stdout: null }, 'no answer']) {
		const { reply, status } = call(plugin([], [answer]), 'status', {});

		assert.equal(status, 0);
		assert.deepEqual(Object.keys(reply.error).sort(), [...schema.required].sort());
		assert.ok(schema.properties.code.enum.includes(reply.error.code));
	}
	assert.equal(call(plugin([], [{ stdout: '' }]), 'detect', {}).reply.plan, null);
});

const HOSTILE = [
	'-x', '--help', '--root=/', '$(reboot)', '`reboot`', 'a;reboot', 'a|b', 'a&b', 'a b', 'a\nb', 'wan4\n', 'a\tb', '\u0000', 'wan\u0000', "'", '"', '\\', '../../etc', '/etc/passwd',
	'<img src=x onerror=alert(1)>', '%s%n', 'é', '日本', '\ud800', 'x'.repeat(100000), '::ffff:1.2.3.4;', '1.2.3.4:443;x', '[::1]:443', ' ', '\u202e',
];

test('nothing hostile reaches the program', () => {
	const names = { status: ['interface'], ports: ['interface'], doctor: ['interface'], report: ['interface'], retry: ['interface'], probe: ['interface', 'target'], plan: ['prefix', 'provider', 'rule', 'layout', 'reserved_ports'] };
	const fine = { interface: 'wan4', target: '192.0.2.1:443', prefix: '240b:10::/56', provider: 'auto', rule: 'ipv6=240b:10::/31', layout: 'draft03', reserved_ports: '5' };

	for (const [method, all] of Object.entries(names)) {
		for (const name of all) {
			for (const value of [...HOSTILE, 5, true, null, [], {}, ['wan4']]) {
				const asked = [];
				const args = Object.fromEntries(all.map(other => [other, fine[other]]));
				const answer = call(plugin(asked), method, { ...args, [name]: value });

				assert.equal(answer.status, 2, `${method} ${name} ${String(value).slice(0, 20)}`);
				assert.deepEqual(asked, []);
			}
		}
	}
	assert.equal(call(plugin([]), 'status', { interface: 'a'.repeat(65) }).status, 2);
	for (const method of ['plan', 'probe', 'retry'])
		assert.equal(call(plugin([]), method, {}).status, 2, method);
});

test('whatever is sent, words of the program stay words', () => {
	let seed = 11;
	const random = limit => (seed = (seed * 1103515245 + 12345) % 2147483648) % limit;
	const letters = [...'abz019.:/-_=,;$`\'"\\|&<> \n\u0000é'];
	const values = () => Array.from({ length: random(20) }, () => letters[random(letters.length)]).join('');

	const asked = [];
	const object = plugin(asked);

	for (let i = 0; i < 30000; i++) {
		const args = { prefix: values(), provider: random(2) ? '' : values(), rule: random(2) ? '' : values(), layout: '', reserved_ports: random(2) ? '' : values() };

		call(object, 'plan', args);

		for (const { args: { params } } of asked.splice(0))
			for (const [position, word] of params.entries())
				assert.match(word, position === params.length - 1 ? /^[0-9A-Fa-f:.]+(\/[0-9]+)?$/ : /^(plan|--json|--(provider|rule|reserve)=[0-9A-Za-z=,:./_-]+)$/);
	}
});

test('sessions that may only read reach nothing that changes or sends', () => {
	const acl = json('luci-app-mape/root/usr/share/rpcd/acl.d/luci-app-mape.json')['luci-app-mape'];
	const may = part => part.ubus['luci.mape'];
	const methods = Object.keys(plugin([]));

	assert.deepEqual([...may(acl.read), ...may(acl.write)].sort(), methods.sort());
	assert.deepEqual(may(acl.write).slice().sort(), ['ask', 'load_rules', 'probe', 'restart_network', 'retry', 'try_forward']);
	assert.ok(!JSON.stringify(acl).includes('*') && !('file' in acl.read) && !('file' in acl.write));
});
