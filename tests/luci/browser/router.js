'use strict';

// A router with a real LuCI, of which a subclass says how its programs are run.

const { spawnSync } = require('child_process');
const http = require('http');

const { written } = require('./worlds.js');

// One word of a shell.
const quoted = word => `'${String(word).replaceAll('\'', '\'\\\'\'')}'`;

class Router {
	constructor(base) {
		this.base = base;
		this.real = true;
	}

	// Interfaces of proto mape in the configuration, by name, each with its options.
	interfaces(sections) {
		this.network ??= this.read('/etc/config/network');
		this.write('/etc/config/network', this.network + Object.entries(sections).map(([ name, options ]) =>
			`\nconfig interface '${name}'\n\toption proto 'mape'\n${Object.entries(options).map(([ key, value ]) =>
				`\toption ${key} ${quoted(value)}\n`).join('')}`).join(''));
	}

	// Sections mape_forward of the firewall, by name.
	forwards(sections) {
		this.firewall ??= this.read('/etc/config/firewall');
		this.write('/etc/config/firewall', this.firewall + written(sections));
	}

	// The program itself follows what is applied.
	follow() {}

	restartOnce() {}

	set(words) {
		const { status, stderr } = this.router('uci', 'set', words);

		if (status !== 0)
			throw new Error(`uci set ${words}: ${stderr}`);
		this.router('uci', 'commit');
	}

	get(word) {
		return this.router('uci', '-q', 'get', word).stdout.trim();
	}

	theme(name) {
		this.set(`luci.main.mediaurlbase=/luci-static/${name}`);
	}

	language(name) {
		this.set(`luci.main.lang=${name}`);
	}

	// Leases of the LAN as dnsmasq writes them: names that hosts choose for themselves.
	leases(text) {
		this.write('/tmp/dhcp.leases', text);
	}

	// The cookie of a user who has logged in.
	login(user) {
		const body = `luci_username=${user}&luci_password=mape`;

		return new Promise((resolve, reject) => {
			const request = http.request(`${this.base}/cgi-bin/luci/`, {
				method: 'POST',
				headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': body.length }
			}, answer => {
				const cookie = (answer.headers['set-cookie'] ?? []).map(it => it.match(/^(sysauth[a-z_]*)=([0-9a-f]+)/)).find(Boolean);

				answer.resume();
				if (cookie)
					resolve({ name: cookie[1], value: cookie[2] });
				else
					reject(new Error(`${user} cannot log in: status ${answer.statusCode}`));
			});

			request.on('error', reject);
			request.end(body);
		});
	}
}

// The router of `cargo xtask openwrt pages`, in a machine with a provider: procd runs everything,
// and nothing is answered in the program's place.
class Machine extends Router {
	constructor(url, shell) {
		super(url);
		this.way = shell;
		this.themes = [ 'bootstrap' ];
		Object.assign(this, { machine: true, hasNetifd: true, hasTunnels: true });
	}

	// Text for the machine's shell, with the functions of tests/openwrt/router.sh.
	shell(text) {
		const { status, stdout, stderr } = spawnSync('curl', [ '-sS', '-m', '120', '--data-binary', '@-', this.way ], { input: text, encoding: 'utf8' });
		const [ , said, its ] = /^([^]*)status (\d+)\n$/.exec(stdout) ?? [ null, stdout, null ];

		if (its === null)
			throw new Error(`the machine does not answer: curl ${status}, ${stderr}${stdout}`);

		return { status: Number(its), stdout: said, stderr: said };
	}

	router(...words) {
		const answer = this.shell(`router ${words.map(quoted).join(' ')}`);

		// The shell has one stream for both.
		return answer.status === 0 ? answer : { ...answer, stdout: '' };
	}

	read(path) {
		return this.router('cat', path).stdout;
	}

	write(path, text) {
		this.shell(`router_write ${quoted(path)} <<'LAB-END'\n${text.replace(/\n$/, '')}\nLAB-END\n`);
	}

	answers(answers) {
		if (answers)
			throw new Error('in the machine only the program itself answers');
	}

	// Restarts the network service where it does not know the protocol yet.
	restartOnce() {
		const { status, stdout } = this.shell(`
			knows() { router ubus call network get_proto_handlers 2>/dev/null | grep -q '"mape"'; }
			. ../check.sh
			. ./line.sh
			uplink_value=240b:10:3261:6400::
			knows || router ubus call network restart
			wait_for 60 knows && wait_for 60 uplink_heard
		`);

		if (status !== 0)
			throw new Error(`netifd does not know the protocol: ${stdout}`);
	}

	// Whether a server outside gets an answer from there by TCP.
	reaches(where) {
		const { stdout } = this.shell(`ip netns exec "$LAB_NS-srv" lab-traffic steady --to ${quoted(where)} --udp 0 --tcp 1 --seconds 2`);

		return (/"tcp_alive":1/).test(stdout);
	}

	stop() {}
}

module.exports = { Router, Machine };
