'use strict';
'require baseclass';
'require form';
'require mape.section as sections';

// The numbers of a contract with an address of its own, in the form.

return baseclass.extend({
	render(s) {
		for (const [ name, title, placeholder, datatype, description ] of [
			[ 'ipaddr', _('Fixed IPv4 address or block'), '203.0.113.10', 'ip4addr', _('With several addresses enter the block, such as 198.51.100.80/29.') ],
			[ 'peeraddr', _('Tunnel endpoint (BR) in your contract'), '2404:9200:225:100::65', 'ip6addr("nomask")' ],
			[ 'interface_id', _('Interface identifier in your contract'), '::feed', 'ip6addr("nomask")' ],
			[ 'nat_address', _('Address for NAT'), '198.51.100.81', 'ip4addr("nomask")', _('Only for a block: the address that devices without one of their own share. Leave empty for the first.') ],
			[ 'update_user', _('Update server user name'), '', 'string', _('The router has to report its address to the provider; user and password are in the papers.') ],
			[ 'update_password', _('Update server password'), '', 'string' ],
			[ 'update_url', _('Update server URL'), 'http://', 'string', _('Leave empty for the server of v6 Plus or transix. {user}, {password} and {ce} are replaced.') ]
		]) {
			const o = s.taboption('general', form.Value, name, title, description);
			const identifier = name === 'interface_id';
			const needed = name === 'ipaddr' || name === 'peeraddr' || identifier;

			for (const provider of identifier ? sections.identified : sections.contracts)
				o.depends('provider', provider);

			o.datatype = datatype;
			o.placeholder = placeholder;
			o.optional = !needed;
			o.rmempty = !needed;
			o.password = name === 'update_password';
			// Numbers of a rule may stand there, which the rule's own field removes.
			o.retain = needed && !identifier;
		}
	}
});
