'use strict';
'require baseclass';

// Names and sentences for the words of mape-proto's JSON. The texts here are translated; the
// program's own messages are English; the pages show them folded.

// Product names are not translated, but some are spelt otherwise in Japan.
const PROVIDERS = {
	v6plus: { title: _('v6 Plus'), isps: _('So-net, GMO, DMM, en-Hikari, Otegaru, ic-net, 21ip and others') },
	ocn: { title: _('OCN Virtual Connect'), isps: _('OCN, docomo, Plala') },
	biglobe: { title: _('BIGLOBE IPv6 option'), isps: _('BIGLOBE, Otegaru, excite (10G)') },
	nuro: { title: _('NURO Hikari'), isps: _('NURO\'s own network (not NTT)') },
	manual: { title: _('Manual rule'), isps: _('Enter or paste your provider\'s MAP rule') },
	transix: { title: 'transix' },
	xpass: { title: _('Cross Pass (Xpass)') },
	v6connect: { title: _('v6 Connect') },
	rakuten: { title: _('Rakuten Hikari') },
	softbank: { title: _('SoftBank Hikari') },
	'v6plus-static': { title: _('v6 Plus with a fixed IPv4 address'), isps: _('Contract with a fixed IPv4 address') },
	'ocn-static': { title: _('OCN Virtual Connect with a fixed IPv4 address'), isps: _('Contract with a fixed IPv4 address') },
	'transix-static': { title: _('transix with a fixed IPv4 address'), isps: _('Contract with a fixed IPv4 address') },
	'xpass-static': { title: _('Cross Pass with a fixed IPv4 address'), isps: _('Contract with a fixed IPv4 address') },
	'v6connect-static': { title: _('v6 Connect with a fixed IPv4 address') }
};

// What is wrong, and one thing to do.
const ERRORS = {
	MAPE_PREFIX_NOT_IN_RULES: _('No known MAP-E rule matches your IPv6 prefix. If a specific service is selected, change it to Automatic; otherwise run diagnostics.'),
	MAPE_NOT_FIRST_SUBNET: _('Your NTT home gateway (HGW) is using MAP-E itself. Disable it there, or connect this router directly in its place.'),
	MAPE_RULE_INCONSISTENT: _('The values of the rule contradict each other. Correct them or set the service to Automatic.'),
	MAPE_OPTION_INVALID: _('A setting has an invalid value. Correct it in the interface settings.'),
	MAPE_MTU_TOO_SMALL: _('The uplink MTU is too small for a tunnel. Remove the MTU setting of the WAN interface (IPoE uses 1500).'),
	MAPE_FIREWALL_REJECTED: _('The rules for NAT and firewall could not be loaded. Restart the firewall, and see the diagnosis if that does not help.'),
	MAPE_NO_IPV6_YET: _('No interface has an IPv6 address from the provider yet. Check the cable and the interface wan6; MAP-E starts by itself afterwards.'),
	MAPE_TUNLINK_UNKNOWN: _('The selected tunnel link does not exist. Choose another interface or leave it empty.'),
	MAPE_SYSTEM_REFUSED: _('The system refused a change, or a program is missing. See that the package mape-rs is installed, and look at the system log.'),
	MAPE_UBUS: _('The network service (netifd) did not respond. Wait a moment; if it persists, run diagnostics.'),
	MAPE_CE_IN_USE: _('Another device on this connection is already using MAP-E. Disable it there (often the home gateway).'),
	MAPE_CE_MISSING: _('The tunnel is up, but its own IPv6 address is missing, so nothing is sent. It is put back with the next event; press Try again now to have it at once.'),
	MAPE_LINE_TAKEN: _('Another interface of this router already has this line. Remove this one, or choose the IPv6 interface of another line as its tunnel link.'),
	MAPE_TUNNEL_EXISTS: _('Another tunnel of this router has the same two ends. Remove the interface or the script that makes it.'),
	MAPE_UCI: _('A configuration file could not be read. Check /etc/config for syntax errors.'),
	MAPE_CONNTRACK: _('The list of connections cannot be read, so the ports in use are unknown. Check that the package kmod-nf-conntrack-netlink is installed.'),
	MAPE_NO_INTERFACE: _('This MAP-E interface is not active yet. Apply your unsaved changes, or add it under Network → Interfaces.'),
	MAPE_PROVISIONING_NO_SERVICE: _('The provider publishes no settings for this connection. Turn provisioning off, or ask your provider whether the service is active.'),
	MAPE_PROVISIONING_OTHER_METHOD: _('The provider offers this line another method than MAP-E. See the diagnosis for what to configure instead.'),
	MAPE_PROVISIONING_AUTH: _('The provisioning server wants a user and a password. Enter those that the provider gave.'),
	MAPE_PROVISIONING_DNS: _('The name servers of the line did not say where the provisioning server is. It is asked again by itself; see that wan6 uses the name servers of the provider.'),
	MAPE_PROVISIONING_NO_ANSWER: _('The provisioning server did not respond. The current connection keeps working; the router retries automatically.'),
	MAPE_PROVISIONING_CERTIFICATE: _('The certificate of the provisioning server could not be verified. Check the clock of the router and the package ca-bundle.'),
	MAPE_PROVISIONING_REFUSED: _('The provisioning server does not know this line. Ask the provider whether the service is active.'),
	MAPE_PROVISIONING_REDIRECT: _('The provisioning server redirected to an address that is not allowed. Contact your provider.'),
	MAPE_PROVISIONING_BAD_ANSWER: _('Invalid response from the provisioning server. The router retries automatically; if it persists, enter the rule manually.'),
	MAPE_PROVISIONING_UPDATE: _('The address of the router could not be reported to the provider. Check user and password of the update server. The router tries again by itself.'),
	MAPE_PROVISIONING_PROGRAM: _('The provisioning server was not asked, because uclient-fetch would show the password in the list of processes. Install the package curl.')
};

// The same with the named values of the error, which netifd keeps too.
const SPECIFIC = {
	MAPE_OPTION_INVALID: _('The option {option} cannot have the value {value}. Correct it in the settings of the interface.'),
	MAPE_TUNLINK_UNKNOWN: _('The interface {tunlink}, chosen as tunnel link, does not exist. Choose another one, or leave it empty.'),
	MAPE_LINE_TAKEN: _('The interface {interface} of this router already has this line. Remove this one, or choose the IPv6 interface of another line as its tunnel link.')
};

// Why a forward is not published, by the codes of `forward list`.
const REFUSALS = {
	outside: _('Port {value} is not in your port set, so nothing can arrive there.'),
	upnp_pool: _('Port {value} is set aside for UPnP.'),
	taken: _('Port {value} is already that of the forward {other}.'),
	none_left: _('No port of the set is left. Remove a forward, or reserve fewer ports.'),
	no_run: _('The set has no {value} free ports in a row. Use fewer ports.'),
	no_room: _('There are too many forwards on this interface. Remove one.'),
	option_invalid: _('The value {value} of the option {option} is not possible.'),
	option_missing: _('The option {option} is missing.'),
	host_unknown: _('The address of {host} is not known. Switch the device on, or enter its address.'),
	host_elsewhere: _('{host} is not a device of the network {network}. Correct its address.'),
	no_network: _('The address of {host} is not known, as the interface {network} has no IPv4 network.'),
	id_too_long: _('{host} is longer than the last part of an address in the network {network}.'),
	no_line: _('Its MAP-E interface is not up, or there are several and none is chosen.'),
	no_device: _('The interface {interface} is not up yet.'),
	rules_unreadable: _('The rules in force cannot be read. Restart the firewall.'),
	not_loaded: _('The rules in force do not have it. Restart the firewall.'),
	stopped: _('The firewall stops it: its rules lack the part of the package mape-rs. Reload the firewall.'),
	still_loaded: _('It was removed, but the rules in force still have it. Restart the firewall.')
};

// Codes of netifd itself that an interface of ours can have.
const NETIFD = {
	NO_DEVICE: _('The tunnel device could not be made. See that the package kmod-ip6-tunnel is installed.')
};

// What `detect` calls a line.
const LINES = {
	'map-e': _('MAP-E connection detected'),
	'ds-lite': _('This connection uses DS-Lite, not MAP-E. Use the protocol “Dual-Stack Lite” (package ds-lite).'),
	ipip: _('This is a fixed-IP contract over a plain IPIP tunnel, not MAP-E. Use the protocol “IPv4 over IPv6” (package ipip6) with the values from your contract.'),
	'map-t': _('This line uses MAP-T, which this package does not do. Use the protocol MAP of OpenWrt.'),
	lw4o6: _('This line uses Lightweight 4over6, which this package does not do. Use the protocol LW4over6 of OpenWrt.'),
	'464xlat': _('This line uses 464XLAT, which this package does not do. Use the protocol 464XLAT of OpenWrt.'),
	ngn: _('Your line is connected to NTT, but IPv6 IPoE is not active yet. Ask your provider to activate it. Nothing needs to be changed here afterwards.'),
	'home-gateway': _('Your NTT home gateway (HGW) already handles IPv4. Either disable its IPv4-over-IPv6 function, or leave it on and use a plain DHCP interface here.'),
	'no-ipv6': _('No IPv6 from the provider yet. Check the cable and the interface wan6, then detect again.'),
	unknown: _('Connection type not recognised. Ask your provider how IPv4 is delivered; if it is MAP-E, enter the rule manually.')
};

const CONFIDENCE = {
	high: _('certain'),
	medium: _('likely'),
	low: _('uncertain')
};

const SOURCES = {
	builtin: _('built-in rule table'),
	explicit: _('entered manually'),
	file: _('local rule file'),
	provisioned: _('provisioning server'),
	dhcpv6: _('DHCPv6 (from the provider)')
};

const STATES = {
	up: _('Online', 'MAP-E state'),
	shut: _('No traffic', 'MAP-E state'),
	pending: _('Connecting…', 'MAP-E state'),
	down: _('Stopped', 'MAP-E state'),
	error: _('Problem', 'MAP-E state')
};

// What a port is for; those of outgoing connections need no word.
const ROLES = {
	nat: '',
	reserved: _('reserved', 'MAP-E port'),
	published: _('published', 'MAP-E port'),
	upnp: 'UPnP',
	unused: _('not used', 'MAP-E port')
};

// The states of a port forward.
const FORWARDS = {
	published: _('open', 'MAP-E forward'),
	waiting: _('waiting for the device', 'MAP-E forward'),
	refused: _('cannot be opened', 'MAP-E forward'),
	off: _('disabled', 'MAP-E forward'),
	changed: _('not applied yet', 'MAP-E forward')
};

// Long times need no seconds.
const DURATIONS = {
	seconds: _('{s} s', 'MAP-E time'),
	minutes: _('{m} min', 'MAP-E time'),
	hours: _('{h} h {m} min', 'MAP-E time'),
	whole: _('{h} h', 'MAP-E time'),
	days: _('{d} d {h} h', 'MAP-E time')
};

const EDGES = {
	netdev: _('on the tunnel device (recommended)'),
	postrouting: _('in postrouting (no flow offloading)'),
	plain: _('plain SNAT (runs out of ports sooner)')
};

// What `doctor` looks at: a title, and what to do where it is not well.
const CHECKS = {
	uplink: { title: _('IPv6 from the provider'), action: _('Check the cable and the interface that asks for IPv6 (wan6).') },
	contract: { title: _('Connection type'), action: _('Ask the provider for IPv6 IPoE with MAP-E, or configure what the line uses instead.') },
	duid: { title: _('DHCPv6 client identifier'), action: _('NTT only answers DUIDs based on a MAC address (DUID-LL). Set one on wan6.') },
	mtu: { title: _('Uplink MTU'), action: _('Remove the MTU of the uplink, unless the provider asks for it.') },
	lan_ipv6: { title: _('IPv6 in the LAN'), action: _('The line has a single /64: set RA, DHCPv6 and NDP to relay. IPv4 works without.') },
	kernel: { title: _('Kernel'), action: _('Install an OpenWrt release with a newer kernel: nothing that is configured helps.') },
	interface: { title: _('MAP-E interface'), action: _('The interface tries again by itself when something changes.') },
	provisioning: { title: _('Provisioning'), action: _('Nothing to do now: the connection works and the server is queried again automatically.') },
	firewall: { title: _('Firewall'), action: _('Start the firewall: without its rules the router is open to the internet.') },
	zone: { title: _('Firewall zone'), action: _('Without a firewall zone and forwarding from lan, the devices of the LAN have no IPv4.') },
	default_route: { title: _('IPv4 default route'), action: _('The interface with the smallest metric carries IPv4.') },
	flow_offload: { title: _('Flow offloading'), action: _('Works, but flow offloading is not used. Set the NAT method to Automatic.') },
	servers: { title: _('Port forwards'), action: _('Ports of your own set are opened on the page Open a port.') },
	leftovers: { title: _('Conflicts with other packages'), action: _('Remove what another package or script left behind.') },
	answers: { title: _('Replies from the border relay'), action: _('Check that no other router uses the same address and that your contract is MAP-E.') },
	dns: { title: _('Name servers of the router'), action: _('Name IPv6 name servers in place of those with an IPv4 address, or none.') },
	packet_size: { title: _('Packet size (MTU)'), action: _('Large packets are lost on the way. Set the MTU of the interface to 1280.') },
	target: { title: _('IPv4 connection test'), action: _('Try another target. If none responds, start with the first problem above.') }
};

// What a check has found, by its kind, or by its name where it can find one thing only. Where the
// next step says it too, there is nothing here.
const FOUND = {
	no_interface: _('No interface asks for IPv6.'),
	no_prefix: _('{interface} has no IPv6 prefix from the provider.'),
	duid: _('The DHCPv6 client of {interface} sends an identifier that NTT does not answer.'),
	mtu: _('{device} has an MTU of {mtu}; an IPoE line has 1500.'),
	no_mape_interface: _('There is no MAP-E interface.'),
	shut: _('{interface} is up, but its rules are not loaded, so it carries no traffic.'),
	failed: _('{name} is not up.'),
	warning: _('{name} is up, but not everything works.'),
	no_reason: _('{interface} is not up, and the network service gives no reason.'),
	no_table: _('The firewall has loaded no rules, so the router is unprotected.'),
	no_zone: _('{interface} is in no firewall zone, so the LAN cannot use it.'),
	zone_missing: _('{interface} belongs to the firewall zone {zone}, which does not exist.'),
	not_forwarded: _('No zone may forward to {zone}, the zone of {interface}.'),
	no_route: _('{interface} has no IPv4 default route.'),
	rival: _('The default route of {other} competes with that of {interface}.'),
	flow_offload: _('Flow offloading is on, but is not used for {interface}.'),
	redirect_hidden: _('The port forward {redirect} of the firewall receives nothing on port {port}: the forward {forward} has that port.'),
	redirect_outside: _('The port forward {redirect} of the firewall cannot be reached: port {port} is not in your port set.'),
	redirect_unreserved: _('The port forward {redirect} of the firewall cannot be reached: port {port} is not reserved.'),
	redirect_upnp: _('The port forward {redirect} of the firewall may lose its port {port}, which is set aside for UPnP.'),
	config: _('The port forwards cannot be read.'),
	forward: _('The forward {forward} is not in order.'),
	upnp: _('UPnP is on, but {interface} has set aside no ports for it.'),
	includes: _('The firewall loads no includes, so it blocks published ports.'),
	includes_missing: _('The firewall has loaded its rules without those of the package mape-rs, so it blocks published ports.'),
	twin: _('The tunnel {device} has the same two ends as this line.'),
	leftovers: _('{what} belongs to another package or set-up and conflicts with this interface.'),
	answers: _('{sent} packets were sent to the BR, and none came back.'),
	ipv4_resolvers: _('The router asks the name server {resolver} over IPv4.'),
	target: _('No TCP connection to {target} came about.'),
	packet_size: _('{target} answers small packets, but none of {mtu} bytes.')
};

// What to do about one of several things that a check can find.
const KINDS = {
	no_interface: _('Add an interface wan6 with the protocol DHCPv6 client on the device that leads to the provider.'),
	no_prefix: _('Check the cable and the interface that asks for IPv6 (wan6).'),
	broken_receive: _('This kernel drops what arrives in the tunnel. Install a release with the kernel 6.12.71 or a later one.'),
	no_mape_interface: _('The page Status detects the line and sets it up.'),
	shut: _('Load the rules with the button below.'),
	ce_missing: _('The address of the tunnel is missing. Put it back with the button below.'),
	no_table: _('Start the firewall: service firewall start. If it loads no rules, fw4 check tells why.'),
	no_zone: _('Add the interface to the wan zone.'),
	zone_missing: _('The firewall has no zone of this name: correct the zone of the interface, or remove it.'),
	not_forwarded: _('Allow forwarding from lan to the zone of the interface.'),
	rules_without_device: _('The firewall has loaded its rules without the tunnel. Reload it: service firewall reload.'),
	no_route: _('If this line is meant to carry IPv4, switch on the default route in the advanced settings of the interface.'),
	rival: _('Increase the gateway metric of the other interface, or disable its default route.'),
	no_reason: _('Try again with the button below, and look at the system log.'),
	twin: _('Remove the interface or the script that makes it: a line has only one tunnel.'),
	config: _('Correct the file /etc/config/firewall first.'),
	redirect_hidden: _('Remove one of them, or change the port of one.'),
	redirect_unreserved: _('Remove it and open the port on the page Open a port, or add it to the reserved ports of the interface.'),
	redirect_upnp: _('Change it to a reserved port, or lower the number of ports for UPnP.'),
	redirect_outside: _('Remove this port forward of the firewall; if it is still needed, open a port of your own set on the page Open a port.'),
	forward: _('Correct the forward on the page Open a port.'),
	upnp: _('Set the number of ports for UPnP in the advanced settings of the interface, and let miniupnpd give away those only.'),
	includes: _('Remove the option auto_includes from the section defaults of /etc/config/firewall.'),
	includes_missing: _('Reload the firewall: service firewall reload. If it stays, install the package mape-rs again.'),
	ipv4_resolvers: _('Each question to these name servers takes a port of your set. Name IPv6 ones in their place, or none: those of the line come by IPv6.')
};

function own(table, key) {
	return Object.prototype.hasOwnProperty.call(table, key) ? table[key] : null;
}

// A sentence with its named values; null if one is missing.
function filled(sentence, values) {
	let whole = true;
	const words = sentence?.replace(/\{([a-z]+)\}/g, (_all, name) => {
		const value = own(values ?? {}, name);

		whole &&= value !== null;

		return String(value);
	});

	return whole ? words ?? null : null;
}

return baseclass.extend({
	protocol: _('MAP-E (Japan)'),

	// Codes with a sentence.
	errorCodes: Object.keys(ERRORS),

	// Codes of forwards with a sentence.
	refusals: Object.keys(REFUSALS),

	// Stable names of `doctor`'s checks.
	checkNames: Object.keys(CHECKS),

	// Kinds of line that `detect` knows.
	lineNames: Object.keys(LINES),

	// A name that is none of ours goes to places of LuCI that may take it for markup.
	provider(name) {
		return own(PROVIDERS, name)?.title ?? (typeof name === 'string' && (/^[a-z0-9-]+$/).test(name) ? name : '?');
	},

	isps(name) {
		return own(PROVIDERS, name)?.isps ?? '';
	},

	// The sentence for a code; netifd has codes of its own, which are named.
	error(code) {
		return own(ERRORS, code) ?? own(NETIFD, code)
			?? _('The network service reported the error %s. Run diagnostics and check the system log.').replace('%s', () => String(code ?? '?'));
	},

	// The sentence for an error of the program, whose params can be more specific than its
	// code.
	explain(error) {
		const { provider, line, refusal } = error?.params ?? {};

		if (refusal)
			return this.refusal(refusal, error.params);

		return error?.code === 'MAPE_PREFIX_NOT_IN_RULES' && provider && line
			? _('This line belongs to {line}, but the provider is set to {provider}. Set the provider to Automatic.')
				.replace('{line}', () => this.provider(line)).replace('{provider}', () => this.provider(provider))
			: filled(own(SPECIFIC, error?.code), error?.params) ?? this.error(error?.code);
	},

	// Why a forward is not published, with the free ports that are nearest.
	refusal(code, params) {
		const sentence = filled(own(REFUSALS, code), params) ?? _('This forward is not possible.');
		const nearest = String(params?.nearest ?? '').split(' ').filter(port => port);

		return nearest.length ? `${sentence} ${_('Free ports nearby: %s').replace('%s', () => this.list(nearest))}` : sentence;
	},

	// Words with what a language puts between those of a list.
	list(words) {
		return words.join(_('%s, %s', 'MAP-E list').split('%s')[1]);
	},

	// The sentence for a rule that only the network states. `on`: whether provisioning is on.
	networkRule(from, on) {
		if (from === 'dhcpv6')
			return _('This is a MAP-E line: DHCPv6 of the provider states its rule. The router uses that by itself; nothing has to be chosen.');

		return on
			? _('This is a MAP-E line: the provisioning server states its rule. The router uses that; nothing has to be changed.')
			: _('This is a MAP-E line: the provisioning server states its rule. For the router to use it, set Provisioning in the advanced settings of the interface to the server that the network names (HB46PP).');
	},

	line(name) {
		return own(LINES, name) ?? LINES.unknown;
	},

	confidence(name) {
		return own(CONFIDENCE, name) ?? String(name ?? '?');
	},

	source(name) {
		return own(SOURCES, name) ?? _('unknown', 'MAP-E');
	},

	state(name) {
		return own(STATES, name) ?? _('unknown', 'MAP-E');
	},

	edge(name) {
		return own(EDGES, name) ?? _('unknown', 'MAP-E');
	},

	// Whether flows are offloaded; null if that is unknown.
	offload(offload) {
		const { on, used } = offload ?? {};

		return typeof on !== 'boolean' ? null : !on ? _('off', 'MAP-E offload') : used ? _('in use', 'MAP-E offload') : _('on, but not for this connection', 'MAP-E offload');
	},

	role(name) {
		return own(ROLES, name) ?? String(name ?? '?');
	},

	forward(state) {
		return own(FORWARDS, state) ?? _('unknown', 'MAP-E');
	},

	// The badge of a forward's state.
	forwardTone(state) {
		return { published: 'ok', waiting: 'busy', refused: 'bad', changed: 'busy' }[state] ?? 'off';
	},

	duration(seconds) {
		const [ h, m ] = [ Math.floor(seconds / 3600), Math.floor(seconds / 60) ];
		const d = h > 24 ? Math.floor(h / 24) : 0;
		const kind = d ? 'days' : h ? m % 60 ? 'hours' : 'whole' : m ? 'minutes' : 'seconds';

		return filled(DURATIONS[kind], { d, h: d ? h % 24 : h, m: m % 60, s: Math.floor(seconds) });
	},

	// The title of a check, what it has found, and what to do. `kind` says which of several
	// things is wrong.
	check({ check, kind, params } = {}) {
		const { title, action } = own(CHECKS, check) ?? { title: String(check ?? '?'), action: '' };
		const found = filled(own(FOUND, kind) ?? own(FOUND, check), params) ?? '';
		const cause = params?.refusal ? this.refusal(params.refusal, params) : params?.code && kind !== 'ce_missing' ? this.explain({ code: params.code, params }) : '';
		const step = own(KINDS, kind) ?? own(LINES, kind) ?? action;

		return { title, found: [ found, cause ].filter(words => words), action: step };
	}
});
