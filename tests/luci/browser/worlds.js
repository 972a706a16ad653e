'use strict';

// What mape-proto answers on lines in every state. A world is a copy of the recorded line of
// tests/vectors/status, changed at what the program reads; the answers are its own.

const { execFileSync, spawnSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const repository = path.resolve(__dirname, '../../..');
const recorded = path.join(repository, 'tests/vectors/status/v6plus');

const route = target => [ { target, mask: 0 } ];

// The program's message and next step for each code, as netifd keeps them for `status`.
function messages() {
	const all = {};

	for (const file of [ 'tests/vectors/errors.txt', 'tests/provision/errors.txt' ]) {
		for (const entry of fs.readFileSync(path.join(repository, file), 'utf8').split('\n\n')) {
			const [ code, message, hint ] = entry.trim().split('\n');

			if (/^MAPE_/.test(code))
				all[code] ??= [ message, String(hint).replace(/^-> /, '') ];
		}
	}

	return all;
}

// Directories of worlds, which `try` reads to the end.
const kept = [];

process.once('exit', () => kept.forEach(directory => fs.rmSync(directory, { recursive: true, force: true })));

class World {
	constructor(program, name) {
		this.program = program;
		this.name = name;
		this.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mape-luci-world-'));
		fs.cpSync(recorded, this.directory, { recursive: true });
		this.dump = JSON.parse(this.read('recorded/netifd.json'));
		this.line = this.dump.interface.find(it => it.interface === 'wan');
		this.uplink = this.dump.interface.find(it => it.interface === 'wan6');
		this.line.route = route('0.0.0.0');
		this.uplink.route = route('::');
		this.uplink['ipv6-prefix'] = [ { address: '240b:10:3261:6400::', mask: 56, preferred: 900 } ];
		this.network = 'config globals\n option dhcp_default_duid 00030001aabbccddeeff\nconfig interface wan6\n option proto dhcpv6\nconfig interface wan\n option proto mape\n';
		this.firewall = 'config zone\n option name wan\n list network wan\n list network wan6\nconfig forwarding\n option src lan\n option dest wan\n';
		for (const [ file, text ] of [ [ 'ifindex', '2' ], [ 'mtu', '1500' ], [ 'address', '02:00:5e:10:20:30' ] ])
			this.write(`sys/eth1/${file}`, text);
	}

	read(file) {
		return fs.readFileSync(path.join(this.directory, file), 'utf8');
	}

	write(file, text) {
		fs.mkdirSync(path.dirname(path.join(this.directory, file)), { recursive: true });
		fs.writeFileSync(path.join(this.directory, file), text);
	}

	remove(file) {
		fs.rmSync(path.join(this.directory, file), { recursive: true, force: true });
	}

	// Removes its files, of a world that has not answered.
	clear() {
		fs.rmSync(this.directory, { recursive: true });
	}

	has(file) {
		return fs.existsSync(path.join(this.directory, file));
	}

	// An interface that is not up: netifd has forgotten its data and device, and the handler
	// has removed its state.
	ends({ pending = false } = {}) {
		Object.assign(this.line, { up: false, pending, data: {}, route: [] });
		delete this.line.l3_device;
		this.remove('state/wan.json');
		this.remove('sys/mape-wan');
	}

	// netifd's last error of the interface.
	fails(code, [ message, hint ] = [ code, code ]) {
		this.ends({ pending: true });
		this.line.errors = [ { subsystem: 'mape', code, data: [ message, hint ] } ];
	}

	// What was seen of the line before: lines of the file, with seconds before now.
	saw(lines) {
		const now = Number(this.read('proc/uptime').split('.')[0]);

		this.write('state/wan.history', lines.map(([ ago, ...rest ]) =>
			`${rest.length === 3 ? Math.floor((now - ago) / 300) : now - ago} ${rest.join(' ')}\n`).join(''));
	}

	// nft takes no rules.
	refusesRules() {
		this.write('sys/mape-wan/ifindex', '4711\n');
		this.refuses = true;
	}

	prefix(address, mask = 56) {
		this.uplink['ipv6-prefix'] = [ { address, mask, preferred: 900 } ];
	}

	// A line with other numbers, from `plan`.
	becomes(prefix, connections = '') {
		const plan = JSON.parse(execFileSync(this.program, [ 'plan', '--json', prefix ], { encoding: 'utf8' }));
		const { ipv6, ipv4, ea_len, psid_offset, psid_len, br, layout } = plan.rule;
		const rule = `ipv6=${ipv6},ipv4=${ipv4},ea=${ea_len},offset=${psid_offset},psidlen=${psid_len},br=${br},layout=${layout}`;

		Object.assign(this.line.data, {
			provider: plan.provider, end_user_prefix: plan.end_user_prefix, ipv4: plan.ipv4, psid: plan.psid,
			port_ranges: plan.port_ranges, port_count: plan.port_count, reserved: [], ce: plan.ce, br: plan.br, mtu: plan.mtu, rule, layout
		});
		this.prefix(...plan.end_user_prefix.replace(/\/(\d+)$/, ' $1').split(' ').map((part, at) => at ? Number(part) : part));
		this.write('state/wan.json', JSON.stringify({
			schema: 1, interface: 'wan', device: 'mape-wan', prefix: plan.end_user_prefix, rule, mtu: plan.mtu, reserved: '', edge: 'auto'
		}));
		this.write('recorded/conntrack', connections);
	}

	// The answer of `forward list` if the kernel has the first forward whose port and host are
	// known. The single element of the recorded maps is changed to this forward.
	published(list) {
		const rules = path.join(this.directory, 'published');
		const wanted = JSON.parse(list().out).forwards?.find(it => it.port && it.dest_ip && it.dest_port);

		fs.cpSync(path.join(this.directory, 'recorded'), rules, { recursive: true });
		if (wanted) {
			fs.cpSync(path.join(this.directory, 'servers/game'), rules, { recursive: true });
			for (const map of [ 'nft-__map1', 'nft-__map2' ]) {
				const file = path.join(rules, map);
				const bytes = fs.readFileSync(file);

				bytes.writeUInt16BE(wanted.port, 0x3c);
				Buffer.from(wanted.dest_ip.split('.').map(Number)).copy(bytes, 0x48);
				bytes.writeUInt16BE(wanted.dest_port, 0x4c);
				fs.writeFileSync(file, bytes);
			}
		}

		return list(`--recorded=${rules}`);
	}

	// What the program prints for each command, as { command: { out, status } }.
	answers() {
		const place = name => path.join(this.directory, name);

		this.write('recorded/netifd.json', JSON.stringify(this.dump));
		this.write('root/etc/config/network', this.network);
		this.write('root/etc/config/firewall', this.firewall);

		const places = [
			`--state-dir=${place('state')}`, `--device-dir=${place('sys')}`, `--proc-dir=${place('proc')}`,
			`--recorded=${place('recorded')}`, `--ubus-socket=${place('ubus.sock')}`
		];
		const ask = (...words) => {
			const { stdout, status, error } = spawnSync(this.program, words, { encoding: 'utf8' });

			if (error)
				throw error;

			return { out: stdout, status };
		};
		const prefix = this.uplink['ipv6-prefix']?.[0];
		const root = `--root=${place('root')}`;
		const answers = {
			status: ask('status', '--json', ...places),
			'status.history': ask('status', '--history', '--json', ...places),
			ports: ask('ports', '--used', '--json', ...places),
			'ports.ranges': ask('ports', '--ranges', '--json', ...places),
			forward: this.published((...words) => ask('forward', 'list', '--json', root, `--state-dir=${place('state')}`, `--device-dir=${place('sys')}`, ...words)),
			doctor: ask('doctor', '--json', root, ...places),
			// Nothing listens there, so the answer is the same on every machine.
			'doctor.probe': ask('doctor', '--json', '--target=127.0.0.1:1', root, ...places),
			'doctor.masked': ask('doctor', '--masked', root, ...places),
			// netifd is asked where no prefix is given; here nothing answers.
			detect: prefix
				? ask('detect', '--json', root, '--ubus-socket=/nonexistent', `--prefix=${prefix.address}/${prefix.mask}`)
				: ask('detect', '--json', root, '--ubus-socket=/nonexistent')
		};

		if (this.refuses)
			answers.firewall = ask('firewall', '--json', '--nft-program=false', root, `--state-dir=${place('state')}`, `--device-dir=${place('sys')}`);

		// What would come of a forward is asked while it is typed.
		answers.try = (...words) => ask('forward', 'add', '--dry-run', '--json', '--nft-program=true', root,
			`--state-dir=${place('state')}`, `--device-dir=${place('sys')}`, `--recorded=${place('recorded')}`, ...words);
		answers.try.directory = this.directory;
		kept.push(this.directory);

		for (const [ command, { out } ] of Object.entries(answers))
			if (out?.trim() === '')
				throw new Error(`${this.name}: mape-proto ${command} prints nothing`);

		return answers;
	}
}

// Every state by its name. `expects` is a code, or a check, that the page must show.
function states() {
	const list = {
		up: { change: () => {}, fine: true },
		'no-interface': { change: world => {
			world.line.proto = 'static';
			world.remove('state/wan.json');
		}, none: true, check: 'interface' },
		shut: { change: world => world.write('sys/mape-wan/ifindex', '4711\n'), problem: true },
		refused: { change: world => world.refusesRules(), problem: true, press: 'Load rules', says: 'nft refuses the rules' },
		down: { change: world => world.ends(), problem: true },
		pending: { change: world => world.ends({ pending: true }), problem: true },
		// A handler that was killed leaves its state.
		leftover: { change: world => { world.line.up = false; }, problem: true },
		'netifd-error': { change: world => { world.fails('NO_DEVICE'); }, problem: true },
		warning: {
			change: world => { world.line.data.warning = { code: 'MAPE_OPTION_INVALID', message: 'a value is not used', hint: 'remove it' }; },
			problem: true
		},
		'no-netifd': { change: world => { world.dump = {}; } , problem: true },
		'no-conntrack': { change: world => world.remove('recorded/conntrack'), problem: true, unknown: true },
		'no-state': { change: world => world.write('state/wan.json', '{"schema":1,'), problem: true },
		'insert-failed': {
			change: world => {
				const file = 'proc/net/stat/nf_conntrack';
				const [ head, ...rows ] = world.read(file).trimEnd().split('\n');
				const at = head.trim().split(/\s+/).indexOf('insert_failed');

				world.write(file, [ head, ...rows.map(row => {
					const words = row.trim().split(/\s+/);

					words[at] = '00000007';

					return words.join(' ');
				}) ].join('\n') + '\n');
			},
			// The failures are those of the whole router since boot, and few ports are
			// in use.
			fine: true
		},
		ngn: { change: world => world.prefix('2408:240:1:100::'), check: 'contract', line: true },
		'ds-lite': { change: world => world.prefix('2409:10:1:100::'), check: 'contract', line: true },
		'home-gateway': { change: world => world.prefix('240b:10:3261:6410::', 60), check: 'contract', line: true },
		ipip: { change: world => world.prefix('2400:2410:1:100::'), check: 'contract', line: true },
		unknown: { change: world => {
			world.prefix('2600::');
			world.fails('MAPE_PREFIX_NOT_IN_RULES', messages().MAPE_PREFIX_NOT_IN_RULES);
		}, check: 'interface', problem: true, line: true },
		'no-uplink': { change: world => { world.uplink['ipv6-prefix'] = null; world.uplink.up = false; world.network = world.network.replace('00030001aabbccddeeff', '00010001278cffff02005e102030'); }, check: 'uplink', plus: 'duid', line: true },
		mtu: { change: world => world.write('sys/eth1/mtu', '1454'), check: 'mtu' },
		'no-zone': { change: world => { world.firewall = world.firewall.replace(/config forwarding[^]*$/, ''); }, check: 'zone', action: /Allow forwarding from lan/ },
		'other-route': { change: world => { world.uplink.route = route('0.0.0.0'); }, check: 'default_route', action: /gateway metric/ },
		silent: { change: world => world.write('sys/mape-wan/statistics/rx_packets', '0\n'), check: 'answers' },
		provisioning: { change: world => world.write('state/wan.pause', '{}\n{"code":"MAPE_PROVISIONING_NO_ANSWER","message":"no answer","hint":"wait"}\n'), check: 'provisioning' },
		leftovers: { change: world => world.write('root/lib/netifd/proto/map.sh', 'nft add rule inet mape x\n'), check: 'leftovers' }
	};

	for (const [ code, words ] of Object.entries(messages()))
		list[code] = { change: world => world.fails(code, words), problem: true, code };
	// Codes without a text in a golden file: netifd keeps any text of the handler.
	for (const code of [ 'MAPE_NO_IPV6_YET', 'MAPE_TUNLINK_UNKNOWN', 'MAPE_FIREWALL_REJECTED', 'MAPE_SYSTEM_REFUSED', 'MAPE_UBUS', 'MAPE_CE_IN_USE', 'MAPE_LINE_TAKEN', 'MAPE_TUNNEL_EXISTS' ])
		list[code] ??= { change: world => world.fails(code), problem: true, code };

	return list;
}

// Sections mape_forward as UCI writes them.
function written(sections) {
	const quoted = value => `'${value.replaceAll('\'', '\'\\\'\'')}'`;

	return Object.entries(sections).map(([ name, options ]) =>
		`\nconfig mape_forward '${name}'\n${Object.entries(options).map(([ key, value ]) => `\toption ${key} ${quoted(value)}\n`).join('')}`).join('');
}

function make(program, name, change) {
	const world = new World(program, name);

	change(world);

	return world.answers();
}

module.exports = { World, make, states, written };
