'use strict';

// A real LuCI: a copy of LUCI_ROOT whose programs run in the namespaces that `run` has made.

const { execFileSync, spawnSync } = require('child_process');
const fs = require('fs');
const http = require('http');
const path = require('path');

const { written } = require('./worlds.js');

const START = path.join(__dirname, 'router/start.sh');

class Real {
	constructor(source, program) {
		this.base = 'http://127.0.0.1';
		this.real = true;
		this.root = fs.mkdtempSync('/tmp/mape-luci-root-');
		if (fs.statSync(source).isDirectory())
			execFileSync('cp', [ '-a', '--', `${source}/.`, this.root ]);
		else
			execFileSync('tar', [ '-xf', source, '-C', this.root ]);

		// Into a file: a pipe would stay open as long as what it starts.
		const log = `${this.root}.log`;
		const out = fs.openSync(log, 'w');
		const { status } = spawnSync('sh', [ START, this.root, program ], { stdio: [ 'ignore', out, out ], timeout: 120000 });
		const said = fs.readFileSync(log, 'utf8').trim();

		fs.closeSync(out);
		fs.rmSync(log);
		if (status !== 0) {
			this.stop();
			throw Object.assign(new Error(said), { lacks: status === 77 });
		}

		this.themes = [ 'bootstrap', 'material' ].filter(name => fs.existsSync(path.join(this.root, 'www/luci-static', name)));
		this.hasNetifd = fs.existsSync(path.join(this.root, 'sbin/netifd'));
		// Whether this machine's kernel can make the tunnel.
		this.hasTunnels = spawnSync('ip', [ 'link', 'add', 'probe', 'type', 'ip6tnl', 'local', '::1', 'remote', '::2' ]).status === 0;
		spawnSync('ip', [ 'link', 'del', 'probe' ]);
	}

	router(...words) {
		return spawnSync('chroot', [ this.root, ...words ], {
			encoding: 'utf8', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, timeout: 60000
		});
	}

	// Puts down what mape-proto answers; null lets the program itself answer.
	answers(answers) {
		const directory = path.join(this.root, 'tmp/lab/fixture');

		fs.rmSync(directory, { recursive: true });
		fs.mkdirSync(directory);

		for (const [ name, answer ] of Object.entries(answers ?? {})) {
			// mape-proto.sh asks the program itself, with the files of this world.
			if (answer.directory) {
				fs.cpSync(answer.directory, path.join(directory, 'world'), { recursive: true });
				continue;
			}
			fs.writeFileSync(path.join(directory, name), answer.out);
			fs.writeFileSync(path.join(directory, `${name}.status`), String(answer.status));
		}
	}

	// Interfaces of proto mape in the configuration, by name, each with its options.
	interfaces(sections) {
		const file = path.join(this.root, 'etc/config/network');

		this.network ??= fs.readFileSync(file, 'utf8');
		fs.writeFileSync(file, this.network + Object.entries(sections).map(([ name, options ]) =>
			`\nconfig interface '${name}'\n\toption proto 'mape'\n${Object.entries(options).map(([ key, value ]) =>
				`\toption ${key} '${value.replaceAll('\'', '\'\\\'\'')}'\n`).join('')}`).join(''));
	}

	// Sections mape_forward of the firewall, by name.
	forwards(sections) {
		const file = path.join(this.root, 'etc/config/firewall');

		this.firewall ??= fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
		fs.writeFileSync(file, this.firewall + written(sections));
	}

	// The program itself follows what is applied.
	follow() {}

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
		fs.writeFileSync(path.join(this.root, 'tmp/dhcp.leases'), text);
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

	stop() {
		for (const entry of fs.readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
			let root = '';

			try {
				root = fs.readlinkSync(`/proc/${entry}/root`);
			}
			catch {
				// It has ended.
			}
			if (root === this.root || root.startsWith(`${this.root}/`))
				process.kill(Number(entry), 'SIGKILL');
		}

		for (const name of [ 'tmp', 'proc', 'sys', 'dev', 'var' ])
			spawnSync('umount', [ '-R', '-l', '--no-canonicalize', path.join(this.root, name) ]);
		if (!fs.readFileSync('/proc/self/mounts', 'utf8').includes(this.root))
			fs.rmSync(this.root, { recursive: true });
	}
}

module.exports = { Real };
