'use strict';
'require form';
'require network';
'require mape.model as model';
'require mape.section as sections';
'require mape.text as text';
'require mape.form.detection as detection';
'require mape.form.contract as contract';
'require mape.form.rule as rule';
'require mape.form.advanced as advanced';

// The protocol for LuCI's own pages, and its form, whose parts are in mape/form.

// netifd names the device mape-NAME, and a device name has at most 15 characters. Longer interface
// names work, but their device gets a shortened name.
const MAX_NAME = 10;

network.registerPatternVirtual(/^mape-/);

for (const code of text.errorCodes)
	network.registerErrorCode(code, text.error(code));

// A zone for a new interface: without one nothing from the LAN gets through.
function suggestZone(section) {
	const zone = section.children.find(option => option.option === '_zone');

	if (!zone || typeof zone.cfgvalue !== 'function')
		return;

	const assigned = zone.cfgvalue;

	zone.cfgvalue = function(...args) {
		return Promise.resolve(assigned.apply(this, args)).then(value => value ?? 'wan');
	};
}

return network.registerProtocol('mape', {
	getI18n() {
		const summary = model.summary(this._ubus('data'));

		if (!summary)
			return text.protocol;

		const provider = text.provider(summary.provider);

		return summary.psid === null
			? `${text.protocol}: ${provider}`
			: `${text.protocol}: ${provider}, PSID ${summary.psid}`;
	},

	getIfname() {
		return this._ubus('l3_device') || `mape-${this.sid}`;
	},

	getPackageName() {
		return 'mape-rs';
	},

	isFloating() {
		return true;
	},

	isVirtual() {
		return true;
	},

	getDevices() {
		return null;
	},

	containsDevice(ifname) {
		return network.getIfnameOf(ifname) === this.getIfname();
	},

	// Packets go to the BR; the route itself has no gateway.
	getGatewayAddr() {
		const br = this._ubus('data')?.br;

		return (/^[0-9a-f:]+$/).test(br) ? br : this.super('getGatewayAddr', []);
	},

	isCreateable(name) {
		return Promise.resolve(name.length > MAX_NAME
			? _('Use at most %d characters for a MAP-E interface name, e.g. wan4.').format(MAX_NAME)
			: null);
	},

	renderFormOptions(s) {
		// An interface is new as long as netifd has not heard of it.
		if (!this._ubus())
			suggestZone(s);

		const provider = s.taboption('general', form.RichListValue, 'provider', _('Provider'));

		provider.value('auto', _('Automatic'), _('The IPv6 prefix of the line decides; right for almost every line'));
		for (const name of [ ...sections.table, ...sections.contracts, 'manual' ])
			provider.value(name, text.provider(name), text.isps(name));
		provider.default = 'auto';
		provider.cfgvalue = section_id => sections.provider(section_id);

		detection.render(s, provider);
		contract.render(s);
		rule.render(s);
		advanced.render(s);
	}
});
