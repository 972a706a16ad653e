'use strict';

// The stand-in for LuCI: an HTTP server that serves our files and those of ../resources, and
// answers /ubus as rpcd does, with the rights of our own acl.d file. The answers of mape-proto are
// real.

const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const path = require('path');
const { spawnSync } = require('child_process');
const po = require('../po.js');

const application = path.resolve(__dirname, '../../../../luci-app-mape');
const OURS = path.join(application, 'htdocs');
const THEIRS = path.join(__dirname, 'resources');
const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

const MODULES = {
	'admin/status/mape/status': 'view.mape.status',
	'admin/status/mape/forward': 'view.mape.forward',
	'admin/status/mape/doctor': 'view.mape.doctor',
	'admin/status/overview': 'overview',
	'admin/network/network': 'interfaces'
};

class StandIn {
	static start(program) {
		return new Promise(resolve => {
			const site = new StandIn(program);

			site.server = http.createServer((request, answer) => site.answer(request, answer));
			site.server.listen(0, '127.0.0.1', () => {
				site.base = `http://127.0.0.1:${site.server.address().port}`;
				resolve(site);
			});
		});
	}

	constructor(program) {
		const rights = JSON.parse(fs.readFileSync(path.join(application, 'root/usr/share/rpcd/acl.d/luci-app-mape.json'), 'utf8'))['luci-app-mape'];

		Object.assign(this, { program, real: false, themes: [ 'stand-in' ], sessions: {}, sections: {}, opened: {}, staged: {}, known: {}, texts: {}, lang: 'en' });
		// Stricter than LuCI's own: no script of a page itself.
		this.policy = 'default-src \'none\'; script-src \'self\' \'unsafe-eval\'; style-src \'self\' \'unsafe-inline\'; img-src \'self\'; connect-src \'self\'; base-uri \'self\'';
		this.rights = { root: [ rights.read, rights.write ], viewer: [ rights.read ], stranger: [] };
		for (const name of fs.readdirSync(path.join(application, 'po')).filter(name => name !== 'templates')) {
			const texts = this.texts[{ 'zh_Hans': 'zh-cn', 'zh_Hant': 'zh-tw' }[name] ?? name] = {};

			for (const message of po.read(fs.readFileSync(path.join(application, 'po', name, 'mape.po'), 'utf8')))
				if (message.id)
					texts[message.context ? `${message.context}\u0001${message.id}` : message.id] = message.texts[0];
		}
	}

	answers(answers) {
		this.known = answers;
	}

	interfaces(sections) {
		this.sections = sections;
	}

	// Sections mape_forward of the firewall, by name.
	forwards(sections) {
		this.opened = sections;
		this.staged = structuredClone(sections);
	}

	// After forwards have been applied, `answers` gives the program's further answers.
	follow(answers) {
		this.following = answers;
	}

	leases(text) {
		this.leased = text.split('\n').filter(line => line).map(line => line.split(' '));
	}

	theme() {}

	language(name) {
		this.lang = name;
	}

	login(user) {
		const value = crypto.randomBytes(16).toString('hex');

		this.sessions[value] = user;

		return Promise.resolve({ name: 'sysauth_http', value });
	}

	stop() {
		this.server.closeAllConnections();
		this.server.close();
	}

	answer(request, answer) {
		const { pathname } = new URL(request.url, this.base);

		if (pathname === '/ubus/') {
			let body = '';

			request.on('data', data => {
				body += data;
			});
			request.on('end', () => {
				answer.setHeader('Content-Type', 'application/json');
				answer.end(JSON.stringify({ jsonrpc: '2.0', id: 1, ...this.call(...JSON.parse(body).params) }));
			});
		}
		else if (pathname.startsWith('/cgi-bin/luci/')) {
			this.page(request, answer, pathname.slice('/cgi-bin/luci/'.length));
		}
		else {
			this.file(answer, pathname);
		}
	}

	file(answer, name) {
		const inside = name.replace(/^\/luci-static\/resources\//, '');

		for (const file of [ path.join(OURS, name), path.join(THEIRS, inside) ])
			if (!name.includes('..') && fs.existsSync(file) && fs.statSync(file).isFile()) {
				answer.setHeader('Content-Type', TYPES[path.extname(file)] ?? 'text/plain');

				return answer.end(fs.readFileSync(file));
			}

		answer.statusCode = 404;

		return answer.end();
	}

	page(request, answer, name) {
		const session = /sysauth_http=([0-9a-f]+)/.exec(request.headers.cookie ?? '')?.[1];
		const rights = this.rights[this.sessions[session]] ?? [];

		answer.setHeader('Content-Type', 'text/html; charset=utf-8');
		if (!rights.length || !MODULES[name]) {
			answer.statusCode = 403;

			return answer.end('<!DOCTYPE html><title>403</title><p>no');
		}

		const page = { session, module: MODULES[name], mayWrite: rights.length > 1 || null, texts: this.texts[this.lang] ?? {} };

		return answer.end(`<!DOCTYPE html><html lang="${this.lang}"><meta name="viewport" content="width=device-width"><title>stand-in</title>
<link rel="stylesheet" href="/luci-static/resources/theme.css"><link rel="icon" href="/luci-static/resources/icon.svg">
<script type="application/json" id="stand-in">${JSON.stringify(page).replaceAll('<', '\\u003c')}</script>
<script src="/luci-static/resources/luci.js"></script><body><div id="notes"></div><div id="view"></div><div id="modal_overlay"></div>`);
	}

	// What rpcd says: a result with a ubus status, or that the session may not.
	call(session, object, method, args) {
		const rights = this.rights[this.sessions[session]] ?? [];
		const allowed = rights.some(({ ubus, uci }) => ubus?.[object]?.includes(method) || (object === 'uci' && method === 'get' && uci?.includes(args.config)))
			|| (object === 'uci' && method !== 'get' && rights[1]?.uci.includes(args.config ?? 'firewall'))
			|| (rights.length && object === 'network.interface');
		const result = allowed ? this.method(object, method, args) : null;

		return allowed ? { result: result === null ? [ 4 ] : [ 0, result ] } : { error: { code: -32002, message: 'Access denied' } };
	}

	output(command) {
		return JSON.parse(this.known[command].out);
	}

	plan(words) {
		return JSON.parse(spawnSync(this.program, [ 'plan', '--json', ...words ], { encoding: 'utf8' }).stdout);
	}

	method(object, method, args) {
		switch (`${object} ${method}`) {
		case 'uci get':
			return { values: Object.fromEntries(Object.entries(args.config === 'network' ? this.sections : this.staged).map(([ name, options ]) =>
				[ name, { '.name': name, ...(args.config === 'network' ? { '.type': 'interface', proto: 'mape' } : { '.type': 'mape_forward' }), ...options } ])) };
		case 'uci add':
			(args.config === 'network' ? this.sections : this.staged)[args.section] = {};

			return {};
		case 'uci set':
			Object.assign((args.config === 'network' ? this.sections : this.staged)[args.section], args.values);

			return {};
		case 'uci delete':
			delete (args.option ? this.staged[args.section] : this.staged)[args.option ?? args.section];

			return {};
		case 'uci apply':
			this.forwards(this.staged);
			if (this.following)
				this.answers(this.following(this.opened));

			return {};
		case 'network get_proto_handlers':
			return this.unloaded ? {} : { mape: {} };
		case 'network.interface dump':
			return { interface: [] };
		case 'luci-rpc getHostHints':
			return Object.fromEntries((this.leased ?? []).map(([ , mac, address, name ]) => [ mac, { name, ipaddrs: [ address ] } ]));
		case 'luci.mape status':
		case 'luci.mape ports':
		case 'luci.mape doctor':
			return this.output(method);
		case 'luci.mape history':
			return this.output('status.history');
		case 'luci.mape forwards':
			return this.output('forward');
		case 'luci.mape port_set':
			return this.output('ports.ranges');
		case 'luci.mape try_forward':
			return JSON.parse(this.known.try(...Object.entries({ src_dport: 'port', proto: 'proto', interface: 'interface', section: 'section' })
				.filter(([ name ]) => args[name]).map(([ name, option ]) => `--${option}=${args[name]}`), `${args.host}:${args.dest_port}`).out);
		case 'luci.mape probe':
			return this.output('doctor.probe');
		case 'luci.mape report':
			return { text: this.known['doctor.masked'].out };
		case 'luci.mape plan':
			return this.plan([ ...[ 'provider', 'rule', 'layout' ].filter(name => args[name]).map(name => `--${name}=${args[name]}`), args.prefix ]);
		case 'luci.mape detect':
		case 'luci.mape ask': {
			const line = this.output('detect');

			return { line, plan: /^[0-9a-f:]+\/[0-9]+$/.test(line.prefix) ? this.plan([ line.prefix ]) : null };
		}
		case 'luci.mape load_rules':
			return this.known.firewall ? this.output('firewall') : { schema: 1 };
		case 'luci.mape restart_network':
			this.unloaded = false;

			return {};
		case 'luci.mape retry':
			return {};
		default:
			return null;
		}
	}
}

module.exports = { StandIn };
