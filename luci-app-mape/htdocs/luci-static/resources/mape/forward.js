'use strict';
'require baseclass';

// Port forwards: which ports may be requested, and the state of each forward. No DOM and no LuCI,
// so that node can test it.

// How many ports the program offers instead of a port that is not available.
const OFFERED = 3;

// The roles of free ports; a port that is reserved for another purpose is not offered.
const FREE = [ 'nat', 'unused' ];

const OFF = [ '0', 'no', 'off', 'false', 'disabled' ];

function isPort(value) {
	return Number.isInteger(value) && value >= 1 && value <= 65535;
}

function number(text) {
	const value = (/^[1-9][0-9]{0,4}$/).test(text) ? Number(text) : NaN;

	return isPort(value) ? value : null;
}

function protocols(value) {
	const words = [].concat(value ?? []).join(' ').toLowerCase().split(/\s+/).filter(word => word);
	const all = [ 'tcp', 'udp' ];
	const meant = all.filter(name => words.includes(name) || words.includes(name === 'tcp' ? '6' : '17'));

	return words.some(word => [ 'tcpudp', 'all', 'any', '*' ].includes(word)) || !meant.length ? all : meant;
}

return baseclass.extend({
	number,

	protocols,

	// Whether the program takes it as a list of ports, like 5696,9792-9799.
	isList(text) {
		return String(text).split(',').every(entry => {
			const ends = (/^([0-9]{1,5})(?:-([0-9]{1,5}))?$/).exec(entry);
			const [ first, last ] = ends ? [ Number(ends[1]), Number(ends[2] ?? ends[1]) ] : [ 0, 0 ];

			return first >= 1 && first <= last && last <= 65535;
		});
	},

	// The ranges of a line as [first, last, role]; null if they are unknown.
	ranges(set, name) {
		const lines = Array.isArray(set?.interfaces) ? set.interfaces : [];
		const line = name ? lines.find(it => it?.interface === name) : lines.length === 1 ? lines[0] : null;
		const ranges = Array.isArray(line?.ranges)
			? line.ranges.filter(range => Array.isArray(range) && isPort(range[0]) && isPort(range[1])) : [];

		return ranges.length ? ranges : null;
	},

	// The ports of other forwards: assigned by the program, or typed and not applied yet.
	held(forwards, sections) {
		const given = (Array.isArray(forwards) ? forwards : []).filter(it => isPort(it?.port)).map(it => ({
			section: it.section, interface: it.interface ?? null, proto: protocols(it.proto), port: it.port
		}));
		const named = sections.filter(it => number(it.src_dport) && !OFF.includes(it.enabled)).map(it => ({
			section: it['.name'], interface: it.interface ?? null, proto: protocols(it.proto), port: number(it.src_dport)
		}));

		return [ ...given.filter(it => sections.some(section => section['.name'] === it.section)), ...named ];
	},

	// Why a requested external port is not available, and the nearest free ports; null if it
	// is. `request` has section, interface, proto and the port as text. If the port set is
	// unknown, nothing is refused: the program checks the port when it is applied.
	refusal(request, ranges, held) {
		if (request.port === 'auto' || request.port === '')
			return null;

		const port = number(request.port);

		if (port === null)
			return { why: 'number', nearest: [] };

		const others = held.filter(it => it.section !== request.section && it.proto.some(name => request.proto.includes(name))
			&& (!it.interface || !request.interface || it.interface === request.interface));
		const role = ranges?.find(([ first, last ]) => port >= first && port <= last)?.[2];
		const why = ranges && role === undefined ? 'outside'
			: role === 'upnp' ? 'upnp'
				: others.some(it => it.port === port) ? 'taken' : null;

		return why && { why, nearest: this.nearest(port, ranges, others) };
	},

	nearest(port, ranges, others) {
		const free = (ranges ?? []).filter(([ , , role ]) => FREE.includes(role))
			.flatMap(([ first, last ]) => Array.from({ length: Math.max(0, last - first + 1) }, (_none, at) => first + at))
			.filter(it => !others.some(other => other.port === it));

		return free.sort((a, b) => Math.abs(a - port) - Math.abs(b - port) || a - b).slice(0, OFFERED);
	},

	// The UCI option for a host as it is typed: `dest_ip` for an address or host id,
	// `dest_host` for a name or MAC address of DHCP; null if it is neither.
	hostOption(text) {
		if ((/^[0-9.]+$/).test(text))
			return (/^([0-9]{1,3}\.){3}[0-9]{1,3}$/).test(text) && text.split('.').every(part => Number(part) < 256) ? 'dest_ip' : null;

		if ((/^::[0-9a-f:.]+$/i).test(text))
			return 'dest_ip';

		return (/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i).test(text) || (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$/).test(text) ? 'dest_host' : null;
	},

	// The state of a section: published, waiting, refused, off, or changed if the program has
	// not loaded it yet.
	state(section, forwards) {
		if (OFF.includes(section?.enabled))
			return { state: 'off', forward: null };

		const forward = (Array.isArray(forwards) ? forwards : []).find(it => it?.section === section?.['.name']) ?? null;

		return { state: forward ? forward.state : 'changed', forward };
	}
});
