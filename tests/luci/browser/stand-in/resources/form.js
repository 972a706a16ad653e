'use strict';
'require baseclass';
'require uci';

// Options of one section, drawn one below the other in all their tabs.

const Value = baseclass.extend({
	__init__(section, option, title, description) {
		Object.assign(this, { section, option, title, description, choices: [], conditions: [], exclude: null });
	},

	value(key, title, description) {
		this.choices.push([ key, title ?? key, description ]);
	},

	depends(option, value) {
		this.conditions.push([ option, value ]);
	},

	cfgvalue(section_id) {
		return uci.get('network', section_id, this.option);
	},

	input() {
		return E('input', { 'type': this.password ? 'password' : 'text', 'placeholder': this.placeholder ?? null });
	},

	renderWidget(section_id) {
		const field = this.input();
		const value = this.cfgvalue(section_id);

		field.value = value ?? this.default ?? '';
		field.addEventListener('change', () => this.section.decide());
		this.field = field;

		return E('div', {}, [ field ]);
	},

	render(section_id) {
		return this.node = E('div', { 'class': 'cbi-value', 'data-name': this.option }, [
			E('label', { 'class': 'cbi-value-title' }, [ this.title ?? '' ]),
			E('div', { 'class': 'cbi-value-field' }, [
				this.renderWidget(section_id),
				E('div', { 'class': 'cbi-value-description' }, [ this.description ?? '' ])
			])
		]);
	}
});

const ListValue = Value.extend({
	input() {
		return E('select', {}, this.choices.map(([ key, title, description ]) => E('option', { 'value': key }, [ description ? `${title} (${description})` : title ])));
	}
});

const Section = baseclass.extend({
	__init__(name) {
		Object.assign(this, { section: name, children: [] });
	},

	taboption(tab, kind, ...words) {
		const option = new kind(this, ...words);

		this.children.push(option);

		return option;
	},

	formvalue(section_id, name) {
		const option = this.children.find(it => it.option === name);

		return option?.field ? option.field.value : null;
	},

	getUIElement(section_id, name) {
		const option = this.children.find(it => it.option === name);

		return option?.field && { setValue: value => {
			option.field.value = value;
		}, triggerValidation: () => true, getValue: () => option.field.value };
	},

	// Shows the options whose conditions hold.
	decide() {
		for (const option of this.children)
			option.node?.classList.toggle('hidden', option.conditions.length > 0
				&& !option.conditions.some(([ name, value ]) => this.formvalue(this.section, name) === value));
	},

	render() {
		const node = E('div', { 'class': 'cbi-section mape-page' }, this.children.map(option => option.render(this.section)));

		this.decide();

		return node;
	}
});

return {
	Value, ListValue, Section,
	RichListValue: ListValue.extend({}),
	Flag: Value.extend({ input: () => E('input', { 'type': 'checkbox' }) }),
	DynamicList: Value.extend({}),
	HiddenValue: Value.extend({ render() {
		return E('span');
	} }),
	DummyValue: Value.extend({}),
	TextValue: Value.extend({ input: () => E('textarea') })
};
