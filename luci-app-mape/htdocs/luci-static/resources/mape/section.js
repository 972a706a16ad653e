'use strict';
'require baseclass';
'require uci';
'require mape.rule as rules';

// The sections of interfaces in UCI: which are of proto mape, where each takes its rule from, and
// which of its options state the rule.

// Providers of the built-in table.
const TABLE = [ 'v6plus', 'ocn', 'biglobe', 'nuro' ];

// Contracts whose numbers are in the contract documents.
const CONTRACTS = [ 'v6plus-static', 'ocn-static', 'transix-static', 'xpass-static' ];

// Of these, the ones whose documents state an interface identifier.
const IDENTIFIED = [ 'transix-static', 'xpass-static' ];

// What UCI's readers take for yes.
const TRUE = [ '1', 'on', 'true', 'yes', 'enabled' ];

return baseclass.extend({
	table: TABLE,

	contracts: CONTRACTS,

	identified: IDENTIFIED,

	// Names of the interfaces of proto mape. netifd does not hear of one that is disabled.
	names({ disabled } = { disabled: false }) {
		return uci.sections('network', 'interface').filter(section => section.proto === 'mape' && TRUE.includes(section.disabled) === disabled)
			.map(section => section['.name']);
	},

	// The provider that the form shows.
	provider(section_id) {
		const provider = uci.get('network', section_id, 'provider');

		if (CONTRACTS.includes(provider))
			return provider;

		// A rule that the user states applies with any provider, also one that this form
		// cannot show.
		if ([ 'rule', 'rules_file', ...rules.mapOptions ].some(option => option !== 'legacymap' && uci.get('network', section_id, option)))
			return 'manual';

		return provider || 'auto';
	},

	// The rule by its numbers, or null.
	rule(section_id) {
		return rules.fromSection(uci.sections('network', 'interface').find(section => section['.name'] === section_id));
	},

	// Whether there is a rule that the form cannot show: more than one, or one with a mistake.
	isUnreadable(section_id) {
		return !!uci.get('network', section_id, 'rule') && !this.rule(section_id);
	},

	removeRule(section_id, provider) {
		// Two of them are also the numbers of a contract.
		const kept = CONTRACTS.includes(provider) ? [ 'ipaddr', 'peeraddr' ] : [];

		for (const option of [ 'rule', 'type', 'maptype', ...rules.mapOptions ])
			if (!kept.includes(option) && uci.get('network', section_id, option) !== null)
				uci.unset('network', section_id, option);
	}
});
