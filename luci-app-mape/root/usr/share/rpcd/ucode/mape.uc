// The object luci.mape: what the pages may ask of mape-proto. Each method checks its arguments, and
// the program is started with a list of words, so that no shell reads anything. rpcd goes on with
// other requests meanwhile.

'use strict';

import { connect } from 'ubus';

const PROGRAM = '/usr/sbin/mape-proto';
const INVALID_ARGUMENT = 2;
const NOT_FOUND = 4;

const bus = connect();

// The valid forms of arguments; none may look like an option of the program. A newline is refused
// separately, because `$` also matches before one.
const shapes = {
	interface: /^[A-Za-z0-9_@][A-Za-z0-9_.@-]{0,63}$/,
	prefix: /^[0-9A-Fa-f:.]{2,45}(\/[0-9]{1,3})?$/,
	provider: /^(auto|v6plus|ocn|biglobe|nuro|manual)$/,
	rule: /^[a-z][0-9A-Za-z=,:.\/_-]{0,255}$/,
	layout: /^(draft03|rfc7597)$/,
	reserved_ports: /^[0-9][0-9,-]{0,1023}$/,
	host: /^[0-9A-Za-z_:][0-9A-Za-z_.:-]{0,252}$/,
	dest_port: /^[0-9A-Za-z][0-9A-Za-z-]{0,31}$/,
	src_dport: /^[0-9A-Za-z][0-9A-Za-z,-]{0,63}$/,
	proto: /^[a-z]+(,[a-z]+)?$/,
	section: /^[0-9A-Za-z_]{1,64}$/,
	target: /^[0-9]{1,3}(\.[0-9]{1,3}){3}:[0-9]{1,5}$/
};

// An argument that is absent or empty is not given. Null where one is wrong.
function checked(request, names) {
	let given = {};

	for (let name in names) {
		let value = request.args[name] ?? '';

		if (value == '')
			continue;

		if (type(value) != 'string' || length(value) > 1024 || index(value, '\n') >= 0 || !match(value, shapes[name]))
			return null;

		given[name] = value;
	}

	return given;
}

function silent(why) {
	return {
		schema: 1,
		error: {
			code: 'MAPE_SYSTEM_REFUSED',
			message: `the program mape-proto does not answer (${why})`,
			hint: 'see that the package mape-rs is installed',
			params: {}
		}
	};
}

// Runs the program; `then` gets what it printed.
function run(words, then) {
	return bus.defer('file', 'exec', { command: PROGRAM, params: words }, (status, reply) =>
		then(status ? null : reply?.stdout, status));
}

function parsed(text, status) {
	let answer;

	try {
		answer = json(text ?? '');
	}
	catch (e) {
		answer = null;
	}

	return type(answer) == 'object' ? answer : silent(`ubus status ${status}`);
}

function answering(request, words) {
	let deferred = run(words, (text, status) => request.reply(parsed(text, status)));

	return deferred ?? silent('rpcd cannot run it');
}

function refuse(request) {
	request.reply(null, INVALID_ARGUMENT);
}

// Command with --json and, where one is given, the interface.
function about(words, args) {
	return args.interface ? [ ...words, args.interface ] : words;
}

function looking(...words) {
	return {
		args: { interface: '' },
		call: function(request) {
			let args = checked(request, [ 'interface' ]);

			return args ? answering(request, about(words, args)) : refuse(request);
		}
	};
}

// What kind of line this is, and the plan for its prefix, in one answer.
function detecting(...words) {
	return {
		call: function(request) {
			let deferred = run([ 'detect', '--json', ...words ], (text, status) => {
				let line = parsed(text, status);
				let reply = { line: line, plan: null };

				if (type(line.prefix) != 'string' || !match(line.prefix, shapes.prefix))
					return request.reply(reply);

				let second = run([ 'plan', '--json', line.prefix ], (text, status) => {
					reply.plan = parsed(text, status);
					request.reply(reply);
				});

				if (!second)
					request.reply(reply);
			});

			return deferred ?? { line: silent('rpcd cannot run it'), plan: null };
		}
	};
}

return {
	'luci.mape': {
		status: looking('status', '--json'),
		history: looking('status', '--history', '--json'),
		ports: looking('ports', '--used', '--json'),
		doctor: looking('doctor', '--json'),

		forwards: {
			call: function(request) {
				return answering(request, [ 'forward', 'list', '--json' ]);
			}
		},

		// The roles of each line's ports, as ranges. rpcd accepts 256 KiB from a program; a
		// list of single ports can have 3 MB.
		port_set: {
			call: function(request) {
				return answering(request, [ 'ports', '--ranges', '--json' ]);
			}
		},

		// What can be shown to strangers.
		report: {
			args: { interface: '' },
			call: function(request) {
				let args = checked(request, [ 'interface' ]);

				if (!args)
					return refuse(request);

				let deferred = run(about([ 'doctor', '--masked' ], args), (text, status) =>
					request.reply({ text: text ?? '' }, status));

				return deferred ?? { text: '' };
			}
		},

		plan: {
			args: { prefix: '', provider: '', rule: '', layout: '', reserved_ports: '' },
			call: function(request) {
				let args = checked(request, [ 'prefix', 'provider', 'rule', 'layout', 'reserved_ports' ]);

				if (!args?.prefix)
					return refuse(request);

				let words = [ 'plan', '--json' ];

				for (let name in [ 'provider', 'rule', 'layout' ])
					if (args[name])
						push(words, `--${name}=${args[name]}`);

				if (args.reserved_ports)
					push(words, `--reserve=${args.reserved_ports}`);

				return answering(request, [ ...words, args.prefix ]);
			}
		},

		detect: detecting(),

		// From here on: what sends something, or changes something.

		// What would come of a forward in place of this section. Nothing is changed.
		try_forward: {
			args: { host: '', dest_port: '', src_dport: '', proto: '', interface: '', section: '' },
			call: function(request) {
				let args = checked(request, [ 'host', 'dest_port', 'src_dport', 'proto', 'interface', 'section' ]);

				if (!args?.host || !args.dest_port)
					return refuse(request);

				let words = [ 'forward', 'add', '--dry-run', '--json' ];

				if (args.src_dport)
					push(words, `--port=${args.src_dport}`);

				for (let name in [ 'proto', 'interface', 'section' ])
					if (args[name])
						push(words, `--${name}=${args[name]}`);

				return answering(request, [ ...words, `${args.host}:${args.dest_port}` ]);
			}
		},

		ask: detecting('--ask', '--ask-gateway'),

		probe: {
			args: { interface: '', target: '' },
			call: function(request) {
				let args = checked(request, [ 'interface', 'target' ]);

				if (!args?.target)
					return refuse(request);

				return answering(request, about([ 'doctor', '--json', `--target=${args.target}` ], args));
			}
		},

		// Loads the rules of all interfaces that are up.
		load_rules: {
			call: function(request) {
				return answering(request, [ 'firewall', '--json' ]);
			}
		},

		// Tries to bring an interface up again. A pending interface is renewed. A stopped
		// one refuses `renew` and is started.
		retry: {
			args: { interface: '' },
			call: function(request) {
				let args = checked(request, [ 'interface' ]);

				if (!args?.interface)
					return refuse(request);

				let object = `network.interface.${args.interface}`;

				let deferred = bus.defer(object, 'renew', {}, (status) => {
					if (!status || !bus.defer(object, 'up', {}, (status) => request.reply({}, status)))
						request.reply({}, status);
				});

				// netifd has no such interface.
				return deferred ?? request.reply(null, NOT_FOUND);
			}
		},

		// netifd reads its protocols only when it starts.
		restart_network: {
			call: function(request) {
				return bus.defer('network', 'restart', {}, (status) => request.reply({}, status)) ?? request.reply(null, NOT_FOUND);
			}
		}
	}
};
