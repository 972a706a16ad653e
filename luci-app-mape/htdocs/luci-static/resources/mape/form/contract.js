'use strict';
'require baseclass';
'require form';
'require mape.section as sections';

// The numbers of a contract with an address of its own, in the form.

return baseclass.extend({
	render(s) {
		for (const [ name, title, placeholder, datatype, description ] of [
			[ 'ipaddr', _('Fixed IPv4 address'), '203.0.113.10', 'ip4addr' ],
			[ 'peeraddr', _('Tunnel endpoint (BR) in your contract'), '2404:9200:225:100::65', 'ip6addr("nomask")' ],
			[ 'update_user', _('Update server user name'), '', 'string', _('The router has to report its address to the provider; user and password are in the papers.') ],
			[ 'update_password', _('Update server password'), '', 'string' ],
			[ 'update_url', _('Update server URL'), 'http://', 'string', _('Leave empty for the v6 Plus server.') ]
		]) {
			const o = s.taboption('general', form.Value, name, title, description);
			const needed = name === 'ipaddr' || name === 'peeraddr';

			for (const provider of sections.contracts)
				o.depends('provider', provider);

			o.datatype = datatype;
			o.placeholder = placeholder;
			o.optional = !needed;
			o.rmempty = !needed;
			o.password = name === 'update_password';
			// Numbers of a rule may stand there, which the rule's own field removes.
			o.retain = needed;
		}
	}
});
