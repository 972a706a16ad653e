'use strict';
'require baseclass';
'require rpc';

// The object luci.mape on the router. A call that fails is rejected, and not answered with nothing.

function method(name, ...params) {
	// Requests of one moment share an answer otherwise, and a status is long enough.
	return rpc.declare({ object: 'luci.mape', method: name, params, expect: { '': {} }, reject: true, nobatch: true });
}

return baseclass.extend({
	status: method('status', 'interface'),
	history: method('history', 'interface'),
	ports: method('ports', 'interface'),
	forwards: method('forwards'),
	portSet: method('port_set'),
	doctor: method('doctor', 'interface'),
	report: method('report', 'interface'),
	tryForward: method('try_forward', 'host', 'dest_port', 'src_dport', 'proto', 'interface', 'section'),
	plan: method('plan', 'prefix', 'provider', 'rule', 'layout', 'reserved_ports'),
	detect: method('detect'),
	ask: method('ask'),
	probe: method('probe', 'interface', 'target'),
	loadRules: method('load_rules'),
	retry: method('retry', 'interface'),
	restartNetwork: method('restart_network'),

	// Whether netifd knows the protocol; it reads its protocols only when it starts.
	knowsProtocol() {
		const handlers = rpc.declare({ object: 'network', method: 'get_proto_handlers', expect: { '': {} }, reject: true });

		return handlers().then(all => Object.prototype.hasOwnProperty.call(all, 'mape'));
	}
});
