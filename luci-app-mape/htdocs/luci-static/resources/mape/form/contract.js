'use strict';
'require baseclass';
'require form';
'require mape.section as sections';

// The numbers of a contract with an address of its own, in the form.

return baseclass.extend({
	render(s) {
		for (const [ name, title, placeholder, datatype, description ] of [
			[ 'ipaddr', _('IPv4 address of the contract'), '203.0.113.10', 'ip4addr' ],
			[ 'peeraddr', _('Tunnel end of the contract'), '2404:9200:225:100::65', 'ip6addr("nomask")' ],
			[ 'update_user', _('User of the update server'), '', 'string', _('The router has to report its address to the provider; user and password are in the papers.') ],
			[ 'update_password', _('Password of the update server'), '', 'string' ],
			[ 'update_url', _('Address of the update server'), 'http://', 'string', _('Left empty: that of v6 Plus.') ]
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
