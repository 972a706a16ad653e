'use strict';
'require baseclass';

// A rule as text: in our form, in that of OpenWrt's `map`, as numbered options, and as users paste
// it. This file does not check numbers; mape-proto does.
//
// A rule in `map`'s form has no layout: it has that of the built-in rule with equal numbers, or
// else RFC 7597's. A rule without layout is therefore written in that form; in ours it would be
// draft 03.

const KEYS = ['ipv6', 'ipv4', 'ea', 'offset', 'psidlen', 'psid', 'br', 'layout'];
const NEEDED = ['ipv6', 'ipv4', 'ea', 'br'];

// The numbered options of `map`.
const MAP_OPTIONS = [ 'ip6prefix', 'ip6prefixlen', 'ipaddr', 'ip4prefixlen', 'ealen', 'psidlen', 'offset', 'psid', 'peeraddr', 'legacymap' ];

// Other people's names for the same, in lower case without _ and -.
const NAMES = {
	ipv6: 'ipv6', ipv6prefix: 'ipv6', ip6prefix: 'ipv6', ruleipv6prefix: 'ipv6',
	ipv4: 'ipv4', ipv4prefix: 'ipv4', ip4prefix: 'ipv4', ipaddr: 'ipv4', ruleipv4prefix: 'ipv4',
	prefix6len: 'ipv6len', ip6prefixlen: 'ipv6len', ipv6prefixlen: 'ipv6len', ipv6prefixlength: 'ipv6len',
	prefix4len: 'ipv4len', ip4prefixlen: 'ipv4len', ipv4prefixlen: 'ipv4len', ipv4prefixlength: 'ipv4len',
	ea: 'ea', ealen: 'ea', eabits: 'ea', eabitlength: 'ea', ealength: 'ea',
	offset: 'offset', psidoffset: 'offset',
	psidlen: 'psidlen', psidlength: 'psidlen',
	psid: 'psid',
	br: 'br', peeraddr: 'br', braddress: 'br', bripv6address: 'br',
	layout: 'layout', legacymap: 'legacymap',
	type: 'type', maptype: 'type', fmr: 'fmr'
};

function withLength(address, length) {
	return address && length && !address.includes('/') ? `${address}/${length}` : address;
}

// `psid` of a map rule stands in the upper bits of 16.
function rightAligned(psid, length) {
	const bits = Number(length);
	const value = Number(psid);

	if (!(bits > 0 && bits <= 16) || !Number.isInteger(value))
		return psid;

	return value % 2 ** (16 - bits) ? psid : String(value / 2 ** (16 - bits));
}

function leftAligned(psid, length) {
	const bits = Number(length);
	const value = Number(psid);

	// One with more bits is left-aligned already.
	return bits > 0 && bits <= 16 && Number.isInteger(value) && value < 2 ** bits ? String(value * 2 ** (16 - bits)) : psid;
}

// An option, or a list of one.
function single(value) {
	return Array.isArray(value) && value.length === 1 ? value[0] : value;
}

function collect(pairs, isMap, isLeftAligned) {
	const found = {};

	for (const [key, value] of pairs) {
		const name = NAMES[key.toLowerCase().replace(/[-_ ]/g, '')];

		if (!name)
			return null;

		// Twice: two rules, and this form has place for one.
		if (found[name] !== undefined)
			return null;

		found[name] = value;
	}

	if (found.type !== undefined && found.type !== 'map-e')
		return null;

	const rule = {};

	for (const key of KEYS)
		if (found[key] !== undefined && found[key] !== '')
			rule[key] = found[key];

	rule.ipv6 = withLength(rule.ipv6, found.ipv6len);
	rule.ipv4 = withLength(rule.ipv4, found.ipv4len);

	if (isLeftAligned) {
		if (rule.psidlen === '0')
			delete rule.psidlen;
		if (rule.psid !== undefined && rule.psidlen !== undefined)
			rule.psid = rightAligned(rule.psid, rule.psidlen);
		else
			delete rule.psid;
	}

	if (!isMap)
		rule.layout ??= 'draft03';

	if (found.legacymap !== undefined && rule.layout === undefined)
		rule.layout = [ '1', 'true', 'yes', 'on' ].includes(found.legacymap) ? 'draft03' : 'rfc7597';

	for (const key of KEYS)
		if (rule[key] === undefined)
			delete rule[key];

	return rule;
}

return baseclass.extend({
	keys: KEYS,

	mapOptions: MAP_OPTIONS,

	// Reads one rule: `ipv6=…,ipv4=…`, `type=map-e,ipv6prefix=…`, or UCI lines `option ealen
	// '25'`. Returns an object of the keys that were found; null if the text is no rule.
	parse(text) {
		const words = String(text ?? '').trim();

		if (words === '')
			return null;

		const uci = [ ...words.matchAll(/^\s*(?:option|list)\s+['"]?(\w+)['"]?\s+['"]?([^'"\n]*?)['"]?\s*$/gm) ];

		if (uci.length) {
			const known = uci.map(([ , key, value ]) => [ key, value ]);
			const rule = known.find(([ key ]) => key === 'rule');

			if (rule)
				return this.parse(rule[1]);

			// Options of an interface that are not the rule's do not matter.
			return this.complete(collect(known.filter(([ key ]) => NAMES[key.toLowerCase()] && key !== 'proto'), true, false));
		}

		const parts = words.replace(/^(export\s+)?rule=/i, '').replace(/^['"]|['"]$/g, '').split(/[,;\s]+/).filter(part => part && part !== 'fmr');
		const pairs = parts.map(part => {
			const at = part.indexOf('=');

			return at > 0 ? [ part.slice(0, at), part.slice(at + 1) ] : null;
		});

		if (pairs.includes(null))
			return null;

		const map = pairs.some(([ key ]) => (/^(type|ipv[46]prefix|prefix[46]len)$/i).test(key));

		return this.complete(collect(pairs, map, map));
	},

	// An object with at least one number of a rule, or null.
	complete(rule) {
		return rule && NEEDED.some(key => rule[key] !== undefined) ? rule : null;
	},

	// Keys that a rule must have and this one has not.
	missing(rule) {
		return NEEDED.filter(key => !rule?.[key]);
	},

	// The rule as `option rule` and `mape-proto plan --rule` take it.
	write(rule) {
		if (rule?.layout === undefined || rule.layout === '')
			return this.writeMap(rule);

		return KEYS.filter(key => rule?.[key]).map(key => `${key}=${String(rule[key]).trim()}`).join(',');
	},

	writeMap(rule) {
		const [ ipv6, ipv6Length ] = String(rule?.ipv6 ?? '').split('/');
		const [ ipv4, ipv4Length ] = String(rule?.ipv4 ?? '').split('/');
		// Without its length, a PSID's position is unknown.
		const psid = rule?.psid && rule.psidlen ? leftAligned(rule.psid, rule.psidlen) : '';
		const pairs = [
			[ 'ipv6prefix', ipv6 ], [ 'prefix6len', ipv6Length ], [ 'ipv4prefix', ipv4 ], [ 'prefix4len', ipv4Length ],
			[ 'ealen', rule?.ea ], [ 'offset', rule?.offset ], [ 'psidlen', rule?.psidlen ], [ 'psid', psid ], [ 'br', rule?.br ]
		].filter(([ , value ]) => value).map(([ key, value ]) => `${key}=${String(value).trim()}`);

		return pairs.length ? `type=map-e,${pairs.join(',')}` : '';
	},

	// The rule of a UCI section: its `rule`, or the numbered options of `map`.
	fromSection(section) {
		const stated = single(section?.rule);

		if (typeof stated === 'string' && stated.trim() !== '')
			return this.parse(stated);

		const pairs = MAP_OPTIONS.map(key => [ key, single(section?.[key]) ]).filter(([ , value ]) => typeof value === 'string');

		// There the PSID stands right-aligned.
		return this.complete(collect(pairs, true, false));
	},

	// What fits on a command line of ours; anything else is not worth asking for.
	isPlain(text) {
		// \x2f is a slash, which LuCI's scanner would take for the end in brackets.
		return (/^[a-z][0-9A-Za-z=,:.\x2f_-]{0,255}$/).test(text);
	}
});
