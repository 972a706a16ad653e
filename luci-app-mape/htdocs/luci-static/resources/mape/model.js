'use strict';
'require baseclass';

// What the pages draw, made from mape-proto's JSON. No DOM, no LuCI: node tests it. A count that is
// null is unknown and stays null; nothing here makes a 0 of it.

// From here on a person is warned, in parts of the set; from there on it is urgent.
const FULL = 0.8;
const NO_ROOM = 0.95;

// Packets sent without any answer before that says something; as in `doctor`.
const SENT = 20;

// Seconds.
const DAY = 86400;

const PROTOCOLS = ['tcp', 'udp', 'icmp'];

const STEPS = ['ipv6', 'prefix', 'rule', 'tunnel', 'verified'];

// Places of the network from which `detect` may have a rule.
const STATING = ['provisioning', 'dhcpv6'];

// The step at which an error stops.
const STEP_OF = {
	MAPE_NO_IPV6_YET: 'ipv6',
	MAPE_TUNLINK_UNKNOWN: 'ipv6',
	MAPE_PREFIX_NOT_IN_RULES: 'rule',
	MAPE_NOT_FIRST_SUBNET: 'prefix',
	MAPE_RULE_INCONSISTENT: 'rule',
	MAPE_OPTION_INVALID: 'rule',
	MAPE_PROVISIONING_NO_SERVICE: 'rule',
	MAPE_PROVISIONING_OTHER_METHOD: 'rule',
	MAPE_PROVISIONING_AUTH: 'rule',
	MAPE_PROVISIONING_DNS: 'rule',
	MAPE_PROVISIONING_NO_ANSWER: 'rule',
	MAPE_PROVISIONING_CERTIFICATE: 'rule',
	MAPE_PROVISIONING_PROGRAM: 'rule',
	MAPE_PROVISIONING_REFUSED: 'rule',
	MAPE_PROVISIONING_REDIRECT: 'rule',
	MAPE_PROVISIONING_BAD_ANSWER: 'rule'
};

// Errors that occur only after all earlier steps have succeeded. Others, such as an invalid option,
// can occur before any step.
const AFTER_ALL = /^(MAPE_(PREFIX_NOT_IN_RULES|NOT_FIRST_SUBNET|MTU_TOO_SMALL|FIREWALL_REJECTED|CE_IN_USE|LINE_TAKEN|TUNNEL_EXISTS|PROVISIONING_[A-Z_]+)|NO_DEVICE)$/;

// A number, or null for whatever is none.
function count(value) {
	return Number.isFinite(value) ? value : null;
}

function ranges(list) {
	return Array.isArray(list) ? list.filter(range => Array.isArray(range) && range.length === 2 && range.every(Number.isInteger)) : [];
}

function rangeText([first, last]) {
	return first === last ? `${first}` : `${first}-${last}`;
}

// How many ports of [first, last] lie in one of the ranges.
function within(first, last, list) {
	return list.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(last, to) - Math.max(first, from) + 1), 0);
}

// The ports that lead to a host, in ascending order. A port whose host has no known address yet is
// reserved only.
function publishedPorts(status) {
	const all = Array.isArray(status?.forwards) ? status.forwards : [];

	const ports = all.filter(it => it?.host && Number.isInteger(it.port)).flatMap(({ port, last }) =>
		Array.from({ length: Math.max(0, (Number.isInteger(last) ? last : port) - port) + 1 }, (_none, at) => port + at));

	return [ ...new Set(ports) ].sort((a, b) => a - b);
}

// What is reserved for something else; the program reserves published ports too.
function reservedRanges(status) {
	return publishedPorts(status).reduce((list, port) => list.flatMap(([first, last]) => port < first || port > last
		? [ [ first, last ] ]
		: [ [ first, port - 1 ], [ port + 1, last ] ].filter(([from, to]) => from <= to)), ranges(status?.line?.reserved));
}

// Part of the whole, 0 to 1, or null.
function part(value, whole) {
	return count(value) === null || !(whole > 0) ? null : Math.min(1, value / whole);
}

function verified(traffic) {
	const received = count(traffic?.rx_packets);
	const sent = count(traffic?.tx_packets);

	if (received === null)
		return 'unknown';

	if (received > 0)
		return 'ok';

	return sent !== null && sent >= SENT ? 'bad' : 'wait';
}

return baseclass.extend({
	protocols: PROTOCOLS,

	// The steps from IPv6 to working IPv4: for each its name, its state ('ok', 'wait', 'bad',
	// 'unknown') and for how many seconds it has been up, or null. Prefix and rule have no time
	// of their own: `since` says since when their numbers are the same.
	chain(status) {
		const line = status?.line ?? null;
		const step = (name, state, seconds) => ({ name, state, seconds: count(seconds) });

		if (status?.state === 'up' || status?.state === 'shut') {
			const known = line ? 'ok' : 'unknown';
			const open = status.state === 'up';

			return [
				step('ipv6', 'ok', status.uplink_uptime),
				step('prefix', known, null),
				step('rule', known, null),
				step('tunnel', open ? 'ok' : 'bad', status.uptime),
				step('verified', open ? verified(status.traffic) : 'wait', null)
			];
		}

		const code = status?.error?.code;
		// Errors in no list occur when the tunnel is created. Without an error no step is
		// known.
		const failed = code ? STEPS.indexOf(STEP_OF[code] ?? 'tunnel') : -1;
		const before = AFTER_ALL.test(code) ? 'ok' : 'unknown';

		return STEPS.map((name, index) => {
			// An interface that was stopped is at no step.
			if (failed < 0)
				return step(name, index === 0 && status?.state === 'pending' ? 'wait' : 'unknown', null);

			return step(name, index < failed ? before : index === failed ? 'bad' : 'wait', null);
		});
	},

	// The set block by block: how full each is, of the protocol that uses most of it.
	blocks(status) {
		const ports = status?.ports;
		const reserved = reservedRanges(status);
		const published = publishedPorts(status).map(port => [ port, port ]);

		if (!Array.isArray(ports?.blocks))
			return ranges(status?.line?.port_ranges).map(([first, last]) => ({
				first, last, size: last - first + 1, reserved: within(first, last, reserved),
				published: within(first, last, published), used: { tcp: null, udp: null, icmp: null }, most: null, level: null
			}));

		return ports.blocks.filter(({ first, last }) => ranges([ [ first, last ] ]).length).map(({ first, last, used }) => {
			const size = last - first + 1;
			const counts = PROTOCOLS.map(protocol => count(used?.[protocol]));
			const most = counts.includes(null) ? null : Math.max(...counts);

			return {
				first, last, size, reserved: within(first, last, reserved), published: within(first, last, published),
				used: { tcp: counts[0], udp: counts[1], icmp: counts[2] },
				most, level: part(most, size)
			};
		});
	},

	// For each protocol: ports in use, connections, the most ever seen, and how full that is.
	totals(status) {
		const ports = status?.ports;

		return PROTOCOLS.map(protocol => {
			const used = count(ports?.used?.[protocol]);
			const peak = count(ports?.peak?.[protocol]);

			return {
				protocol, used, peak,
				usable: count(ports?.usable),
				connections: count(ports?.connections?.[protocol]),
				level: part(used, ports?.usable),
				peakLevel: part(peak, ports?.usable)
			};
		});
	},

	// The protocols of which most ports are in use.
	nearlyFull(status) {
		return this.totals(status).filter(total => total.level !== null && total.level >= FULL);
	},

	// Whether connections probably found no port: the failures have increased since `before`,
	// and most ports are in use. The kernel counts failures for the whole router, including
	// those in which two connections raced for one port.
	ranOut(status, before, failures) {
		return count(before) !== null && count(failures) !== null && failures > before && this.nearlyFull(status).length > 0;
	},

	isNearlyFull(level) {
		return level !== null && level >= FULL;
	},

	// The colour of a part in use: '' (also of an unknown one), 'warn' or 'bad'.
	heat(level) {
		return !this.isNearlyFull(level) ? '' : level >= NO_ROOM ? 'bad' : 'warn';
	},

	// The state as it is shown: its name, and the tone of its badge. What is not up because of
	// an error waits for nothing.
	shown(status) {
		const { state, error } = status ?? {};

		if (state === 'up')
			return { name: state, tone: status.warning || this.nearlyFull(status).length ? 'warn' : 'ok' };
		if (state === 'shut' || error)
			return { name: error ? 'error' : state, tone: 'bad' };

		return { name: state, tone: state === 'pending' ? 'busy' : 'off' };
	},

	// Bits in a second between two looks, { rx, tx }; null where a counter is unknown or new.
	rates(before, status, seconds) {
		const rate = name => {
			const [ from, to ] = [ count(before?.traffic?.[name]), count(status?.traffic?.[name]) ];

			return from === null || to === null || to < from || !(seconds > 0) ? null : (to - from) * 8 / seconds;
		};

		return { rx: rate('rx_bytes'), tx: rate('tx_bytes') };
	},

	// How many ports of [first, last] lie in one of the ranges.
	within(first, last, list) {
		return within(first, last, ranges(list));
	},

	// The ports of each device, as ranges; first that with the most.
	byDevice(ports) {
		const all = new Map();

		for (const { port, hosts } of [].concat(ports ?? []))
			for (const address of [].concat(hosts ?? []))
				all.set(address, [ ...all.get(address) ?? [], [ port, port ] ]);

		return [ ...all ].map(([ address, list ]) => ({ address, ranges: this.joined(list), count: list.length }))
			.sort((a, b) => b.count - a.count || (a.address < b.address ? -1 : 1));
	},

	hosts(status) {
		const hosts = status?.ports?.hosts;

		return Array.isArray(hosts) ? hosts : null;
	},

	// The port set as people write it down.
	setText(status) {
		const line = status?.line;

		if (!line)
			return '';

		const list = ranges(line.port_ranges).map(rangeText).join(', ');
		const kept = reservedRanges(status).map(rangeText).join(', ');
		const opened = publishedPorts(status).join(', ');
		const notes = [ kept && _('reserved: %s').replace('%s', kept), opened && _('published: %s').replace('%s', opened) ].filter(note => note);

		const psid = this.psid(line);
		const words = psid === null ? `${line.ipv4}: ${list}` : `${line.ipv4} PSID ${psid}: ${list}`;

		return notes.length ? `${words} (${notes.join('; ')})` : words;
	},

	rangeTexts(list) {
		return ranges(list).map(rangeText);
	},

	// Ranges in ascending order, of which each that follows another directly is part of it.
	joined(list) {
		const all = ranges(list).map(([first, last]) => [first, last]).sort(([a], [b]) => a - b);

		return all.reduce((joined, range) => {
			const before = joined[joined.length - 1];

			if (before && before[1] + 1 === range[0])
				before[1] = range[1];
			else
				joined.push(range);

			return joined;
		}, []);
	},

	// How many ports there are in ranges.
	size(list) {
		return ranges(list).reduce((sum, [first, last]) => sum + last - first + 1, 0);
	},

	// The PSID; null if the address is not shared.
	psid(line) {
		return count(line.port_count) !== null && line.port_count < 65536 ? line.psid : null;
	},

	// The source of the rule if only the network states one: 'provisioning' or 'dhcpv6';
	// otherwise null.
	ruleFrom(answer) {
		const { line, plan } = answer ?? {};
		const from = Array.isArray(line?.evidence) ? line.evidence[0]?.from : null;

		return line?.line === 'map-e' && plan?.error && !plan.error.params?.provider && STATING.includes(from) ? from : null;
	},

	// What the rows on Interfaces and Overview say of a line, from netifd's `data`.
	summary(data) {
		if (!data || typeof data.provider !== 'string' || count(data.psid) === null)
			return null;

		return { provider: data.provider, psid: this.psid(data) };
	},

	// Remembers the last counts for the chart, `limit` of them.
	remember(samples, status, limit) {
		const sample = this.totals(status).map(total => total.used);

		return [ ...samples, sample ].slice(-limit);
	},

	isKnown(value) {
		return count(value) !== null;
	},

	// The samples of `history`, as `lines` gives those of the page. A time without a sample
	// ends a polyline.
	dayLines(history) {
		const samples = Array.isArray(history?.samples) ? history.samples : [];

		return PROTOCOLS.map((protocol, index) => {
			const all = [];
			let before = null;

			for (const sample of samples) {
				const [ ago, level ] = [ sample[0], part(sample[index + 1], history.usable) ];

				if (level !== null && ago <= DAY) {
					if (before === null || before - ago > 2 * history.step)
						all.push([]);
					all[all.length - 1].push([ 1 - ago / DAY, 1 - level ]);
					before = ago;
				}
			}

			return all;
		});
	},

	// Whether anything was seen in a day. Of a line that was never up there is nothing to draw.
	hasDay(history) {
		return [ history?.samples, history?.changes ].some(list => Array.isArray(list) && list.length > 0);
	},

	// The changes of a day. What is older says only how it stood then.
	recentChanges(history) {
		const changes = Array.isArray(history?.changes) ? history.changes : [];

		// The first look after a start is none.
		return changes.filter(({ ago }, at) => at > 0 && ago <= DAY);
	},

	// When the line was lost, from 0 to 1.
	losses(history) {
		return this.recentChanges(history).filter(({ event }) => event === 'down').map(({ ago }) => 1 - ago / DAY);
	},

	// For each protocol a list of polylines, each a list of [x, y] from 0 to 1. An unknown
	// sample ends a polyline.
	lines(samples, usable, limit) {
		return PROTOCOLS.map((protocol, index) => {
			const all = [];
			let line = [];

			samples.forEach((sample, position) => {
				const level = part(sample[index], usable);

				if (level === null) {
					if (line.length)
						all.push(line);
					line = [];
					return;
				}

				const x = (limit - samples.length + position) / (limit - 1);

				line.push([ x, 1 - level ]);
			});

			if (line.length)
				all.push(line);

			return all;
		});
	}
});
