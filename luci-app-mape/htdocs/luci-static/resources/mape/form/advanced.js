'use strict';
'require baseclass';
'require form';
'require tools.widgets as widgets';
'require mape.forward as forwards';
'require mape.text as text';

// What the form has in its second tab.

return baseclass.extend({
	render(s) {
		// Each may be left empty unless it says otherwise.
		const option = (kind, name, title, description, members) =>
			Object.assign(s.taboption('advanced', kind, name, title, description), { optional: true }, members);

		const choice = (name, title, description, choices) => {
			const o = option(form.ListValue, name, title, description);

			for (const [ value, label ] of choices)
				o.value(value, label);
		};

		option(widgets.NetworkSelect, 'tunlink', _('Tunnel link'), _('The interface that has IPv6 from the provider. Left empty it is found by itself.'), {
			nocreate: true,
			exclude: s.section
		});

		option(form.Value, 'mtu', _('MTU'), _('Inside the tunnel. Left empty: that of the uplink less 40.'), {
			datatype: 'range(1280,65495)',
			placeholder: '1460'
		});

		option(form.DynamicList, 'reserved_ports', _('Reserved ports'), _('Ports for servers, like 5696 or 9792-9799: outgoing connections do not get them.'), {
			validate: (section_id, value) => !value || forwards.isList(value) || _('Write ports from 1 to 65535, like 5696 or 9792-9799.')
		});

		choice('layout', _('Address layout'), _('Only where the provider says otherwise than the rule.'), [
			[ '', _('that of the rule') ],
			[ 'draft03', _('draft 03') ],
			[ 'rfc7597', _('RFC 7597') ]
		]);

		option(form.Value, 'rules_file', _('File of rules'), _('A file on the router with rules of your own, one in a line.'), {
			datatype: 'file',
			placeholder: '/etc/mape-rs/rules'
		}).depends('provider', 'manual');

		choice('provisioning', _('Provisioning'), _('Whether the router asks a server for the rule. Off: the built-in table is used and nothing is sent.'), [
			[ '', _('off') ],
			[ 'hb46pp', _('server that the network names (HB46PP)') ],
			[ 'url', _('an address of your own') ]
		]);

		option(form.Value, 'provisioning_url', _('Address of the server'), _('{prefix} and {length} stand for the prefix of the line.'), {
			optional: false,
			placeholder: 'https://server.example/rules?ipv6Prefix={prefix}&ipv6PrefixLength={length}',
			validate: (section_id, value) => (/^https?:\/\//).test(value) || _('An address begins with https:// or http://.')
		}).depends('provisioning', 'url');

		for (const [ name, title ] of [
			[ 'provisioning_user', _('User of the provisioning server') ],
			[ 'provisioning_password', _('Password of the provisioning server') ],
			[ 'provisioning_server', _('Name of the provisioning server') ]
		])
			option(form.Value, name, title, null, { password: name === 'provisioning_password' }).depends('provisioning', 'hb46pp');

		choice('edge', _('Place of translation'), _('Where ports are translated. Automatic is best.'), [
			[ '', _('Automatic') ],
			...[ 'netdev', 'postrouting', 'plain' ].map(edge => [ edge, text.edge(edge) ])
		]);

		option(form.Flag, 'full_cone', _('Full cone for UDP'), _('Anyone can answer a port from which something was sent: better for game consoles, and more open.'));

		option(form.DynamicList, 'full_cone_hosts', _('Hosts with full cone'), _('The same for these addresses only, such as that of a game console.'), {
			datatype: 'ip4addr("nomask")'
		});

		option(form.Value, 'upnp_ports', _('Ports for UPnP'), _('How many ports at the end of the set UPnP, NAT-PMP and PCP may give away. Left empty: none.'), {
			datatype: 'range(0,65535)',
			placeholder: '16'
		});

		choice('log_level', _('Log level'), _('What the system log gets about this interface.'), [
			[ 'error', _('why it is not up') ],
			[ 'warn', _('also what does not work') ],
			[ '', _('also what happens to it (normal)') ],
			[ 'debug', _('also how uplink, prefix and rule are chosen') ]
		]);
	}
});
