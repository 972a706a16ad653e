'use strict';
'require baseclass';
'require rpc';
'require uci';

const dump = rpc.declare({ object: 'network.interface', method: 'dump', expect: { interface: [] } });
const hints = rpc.declare({ object: 'luci-rpc', method: 'getHostHints', expect: { '': {} } });

const protocols = {};
const errors = {};
let heard = [];

const Protocol = baseclass.extend({
	__init__(name) {
		this.sid = name;
	},

	_ubus(field) {
		const interface_ = heard.find(it => it.interface === this.sid);

		return field ? interface_?.[field] ?? null : interface_ ?? null;
	},

	getGatewayAddr() {
		return this._ubus('route')?.[0]?.nexthop ?? null;
	}
});

return baseclass.extend({
	registerProtocol(name, members) {
		return protocols[name] = Protocol.extend({ ...members });
	},

	registerErrorCode(code, text) {
		errors[code] ??= text;
	},

	registerPatternVirtual() {},

	getErrorText: code => errors[code] ?? `Unknown error (${code})`,

	getIfnameOf: name => typeof name === 'string' ? name : name?.getIfname?.(),

	getProtocol: (proto, name) => protocols[proto] ? new protocols[proto](name) : null,

	load() {
		return Promise.all([ uci.load('network'), dump().then(list => heard = list) ]);
	},

	getHostHints() {
		return hints().then(known => ({
			getMACHints: () => Object.entries(known).map(([ mac, it ]) => [ mac, it.name ]),
			getIPAddrByMACAddr: mac => known[mac]?.ipaddrs?.[0] ?? null,
			getHostnameByIPAddr: address => Object.values(known).find(it => it.ipaddrs?.includes(address))?.name ?? null
		}));
	}
});
