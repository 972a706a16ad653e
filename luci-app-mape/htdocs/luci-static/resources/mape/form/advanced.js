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

		option(widgets.NetworkSelect, 'tunlink', _('Tunnel link (IPv6 uplink)'), _('Interface that receives IPv6 from the provider. Leave empty to detect it automatically.'), {
			nocreate: true,
			exclude: s.section
		});

		option(form.Value, 'mtu', _('MTU'), _('MTU of the tunnel. Leave empty for the uplink\'s MTU minus 40.'), {
			datatype: 'range(1280,65495)',
			placeholder: '1460'
		});

		option(form.DynamicList, 'reserved_ports', _('Reserved ports'), _('Ports kept free for servers, e.g. 5696 or 9792-9799. Outgoing connections never use them.'), {
			validate: (section_id, value) => !value || forwards.isList(value) || _('Write ports from 1 to 65535, like 5696 or 9792-9799.')
		});

		choice('layout', _('MAP address format'), _('Change only if your provider tells you to.'), [
			[ '', _('as given by the rule') ],
			[ 'draft03', _('draft-03 (Japan)') ],
			[ 'rfc7597', _('RFC 7597') ]
		]);

		option(form.Value, 'rules_file', _('Rule file'), _('Path of a file with your own rules, one per line.'), {
			datatype: 'file',
			placeholder: '/etc/mape-rs/rules'
		}).depends('provider', 'manual');

		choice('provisioning', _('Provisioning'), _('Fetch the rule from a server. Off: only the built-in table is used and nothing is sent.'), [
			[ '', _('off', 'MAP-E provisioning') ],
			[ 'hb46pp', _('announced by the network (HB46PP)') ],
			[ 'url', _('custom URL') ]
		]);

		option(form.Value, 'provisioning_url', _('Server URL'), _('{prefix} and {length} are replaced by your IPv6 prefix.'), {
			optional: false,
			placeholder: 'https://server.example/rules?ipv6Prefix={prefix}&ipv6PrefixLength={length}',
			validate: (section_id, value) => (/^https?:\/\//).test(value) || _('The URL must start with https:// or http://.')
		}).depends('provisioning', 'url');

		for (const [ name, title ] of [
			[ 'provisioning_user', _('Provisioning user name') ],
			[ 'provisioning_password', _('Provisioning password') ],
			[ 'provisioning_server', _('Provisioning server name') ]
		])
			option(form.Value, name, title, null, { password: name === 'provisioning_password' }).depends('provisioning', 'hb46pp');

		choice('edge', _('NAT method'), _('How ports are translated. Leave on Automatic unless you know why.'), [
			[ '', _('Automatic') ],
			...[ 'netdev', 'postrouting', 'plain' ].map(edge => [ edge, text.edge(edge) ])
		]);

		option(form.Flag, 'full_cone', _('Full-cone NAT (UDP)'), _('Any host on the Internet may reply to a UDP port in use. Helps online games and calls, but is less restrictive.'));

		option(form.DynamicList, 'full_cone_hosts', _('Full-cone devices'), _('Limit full-cone NAT to these LAN addresses, e.g. a game console.'), {
			datatype: 'ip4addr("nomask")'
		});

		option(form.Value, 'upnp_ports', _('Ports for UPnP'), _('Number of your ports that UPnP, NAT-PMP and PCP may assign. Leave empty for none.'), {
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
