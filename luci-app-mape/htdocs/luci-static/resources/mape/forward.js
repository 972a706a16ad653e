'use strict';
'require baseclass';

// Port forwards: options of their sections, and the state of each forward. Which ports are possible
// the program says. No DOM and no LuCI, so that node can test it.

const OFF = [ '0', 'no', 'off', 'false', 'disabled' ];

function protocols(value) {
	const words = [].concat(value ?? []).join(' ').toLowerCase().split(/\s+/).filter(word => word);
	const all = [ 'tcp', 'udp' ];
	const meant = all.filter(name => words.includes(name) || words.includes(name === 'tcp' ? '6' : '17'));

	return words.some(word => [ 'tcpudp', 'all', 'any', '*' ].includes(word)) || !meant.length ? all : meant;
}

return baseclass.extend({
	protocols,

	// Whether the program takes it as a list of ports, like 5696,9792-9799.
	isList(text) {
		return String(text).split(',').every(entry => {
			const ends = (/^([0-9]{1,5})(?:-([0-9]{1,5}))?$/).exec(entry);
			const [ first, last ] = ends ? [ Number(ends[1]), Number(ends[2] ?? ends[1]) ] : [ 0, 0 ];

			return first >= 1 && first <= last && last <= 65535;
		});
	},

	// The external port of a forward, or its range; null if it has none.
	outside(forward) {
		if (!forward?.port)
			return null;

		return forward.last ? `${forward.port}-${forward.last}` : String(forward.port);
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
