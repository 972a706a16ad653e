'use strict';

// A real LuCI: a copy of LUCI_ROOT whose programs run in the namespaces that `run` has made.

const { execFileSync, spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const { Router } = require('./router.js');

const START = path.join(__dirname, 'router/start.sh');

class Real extends Router {
	constructor(source, program) {
		super('http://127.0.0.1');
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

	read(name) {
		const file = path.join(this.root, name);

		return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
	}

	write(name, text) {
		fs.writeFileSync(path.join(this.root, name), text);
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
