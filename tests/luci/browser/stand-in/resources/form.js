'use strict';
'require baseclass';
'require dom';
'require ui';
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
		return uci.get(this.section.config ?? 'network', section_id, this.option);
	},

	// A string of it is markup, as in LuCI.
	textvalue(section_id) {
		const value = this.cfgvalue(section_id) ?? this.default ?? null;

		return value === null ? null : '%h'.format(value);
	},

	write(section_id, value) {
		uci.set(this.section.config, section_id, this.option, value);
	},

	// As LuCI shows it: red, and the reason as a tooltip.
	check(section_id) {
		if (!this.field)
			return true;

		const value = this.field.value;
		const isNeeded = value === '' && this.rmempty === false && !this.optional;
		const answer = isNeeded ? 'is needed' : this.validate?.(section_id, value) ?? true;

		this.field.classList.toggle('cbi-input-invalid', answer !== true);
		if (answer === true)
			this.field.removeAttribute('data-tooltip');
		else
			this.field.setAttribute('data-tooltip', answer);

		return answer === true;
	},

	triggerValidation(section_id) {
		return this.check(section_id);
	},

	getUIElement(section_id) {
		return this.field && { setValue: value => {
			this.field.value = value;
		}, triggerValidation: () => this.check(section_id), getValue: () => this.field.value };
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

		// What LuCI offers in a list below the field.
		return E('div', {}, [ field, this.choices.length && field.nodeName === 'INPUT' ? E('ul', {}, this.choices.map(([ key, title ]) => E('li', {
			'data-value': key,
			'click': () => {
				field.value = key;
				field.dispatchEvent(new Event('input'));
			}
		}, [ title ]))) : '' ]);
	},

	render(section_id) {
		const widget = this.renderWidget(section_id);
		const id = `widget.${section_id}.${this.option}`;

		this.field?.setAttribute('id', id);

		return this.node = E('div', { 'class': 'cbi-value', 'data-name': this.option }, [
			E('label', { 'class': 'cbi-value-title', 'for': id }, [ this.title ?? '' ]),
			E('div', { 'class': 'cbi-value-field' }, [
				widget,
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
		return this.children.find(it => it.option === name)?.getUIElement(section_id);
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

// A table of sections, each with a dialogue of the same options.
const GridSection = baseclass.extend({
	__init__(map, type, title) {
		Object.assign(this, { map, config: map.config, sectiontype: type, title, children: [] });
	},

	option(kind, ...words) {
		const option = new kind(this, ...words);

		this.children.push(option);

		return option;
	},

	formvalue() {
		return null;
	},

	handleAdd(ev, name) {
		return this.open(uci.add(this.config, this.sectiontype, name));
	},

	renderRowActions(section_id) {
		return E('td', { 'class': 'td' }, [
			E('button', { 'class': 'btn cbi-button-edit', 'disabled': this.map.readonly ? '' : null, 'click': () => this.open(section_id) }, [ 'Edit' ]),
			this.addremove ? E('button', { 'class': 'btn cbi-button-remove', 'click': () => {
				uci.remove(this.config, section_id);
				this.map.draw();
			} }, [ 'Delete' ]) : ''
		]);
	},

	cell(option, section_id) {
		const value = option.textvalue(section_id);

		return E('td', { 'class': 'td left', 'data-title': option.title, 'data-name': option.option }, value ?? E('em', {}, [ 'none' ]));
	},

	render() {
		const sections = uci.sections(this.config, this.sectiontype);

		return E('div', { 'class': 'cbi-section' }, [
			E('h3', {}, [ this.title ]),
			E('table', { 'class': 'table' }, [
				E('tr', { 'class': 'tr table-titles cbi-section-table-titles' }, [ ...this.children.map(it => E('th', { 'class': 'th left' }, [ it.title ])), E('th', { 'class': 'th' }) ]),
				...sections.map(section => E('tr', { 'class': 'tr', 'data-section-id': section['.name'] }, [
					...this.children.map(it => this.cell(it, section['.name'])), this.renderRowActions(section['.name'])
				])),
				sections.length ? '' : E('tr', { 'class': 'tr placeholder' }, [ E('td', { 'class': 'td' }, [ this.renderSectionPlaceholder() ]) ])
			]),
			this.addremove ? this.renderSectionAdd() : ''
		]);
	},

	renderSectionPlaceholder() {
		return E('em', {}, [ 'This section contains no values yet' ]);
	},

	renderSectionAdd() {
		return E('button', { 'class': 'btn cbi-button-add', 'click': ev => this.handleAdd(ev) }, [ this.addbtntitle ]);
	},

	open(section_id) {
		const dialogue = new Section(section_id);

		dialogue.config = this.config;
		for (const from of this.children.filter(it => it.modalonly !== false)) {
			const option = dialogue.taboption(null, from.constructor, from.option, from.title, from.description);

			Object.assign(option, from, { section: dialogue });
		}

		const node = dialogue.render();

		for (const option of dialogue.children) {
			// With each change LuCI judges all of them again.
			option.field?.addEventListener('input', () => dialogue.children.forEach(it => it.check(section_id)));
			option.check(section_id);
		}

		ui.showModal([ this.modaltitle ], [ node, E('button', { 'class': 'btn cbi-button-save', 'click': ev => this.handleModalSave({ children: [ dialogue ] }, ev) }, [ 'Save' ]) ]);
	},

	handleModalSave({ children: [ { section, children } ] }) {
		if (!children.every(option => option.check(section)))
			return Promise.resolve();
		// As LuCI: a default is not written unless the option may not be empty.
		for (const option of children) {
			const { field: { value } = {}, default: usual } = option;

			if (value === undefined || value === (option.cfgvalue(section) ?? '') || (value === usual && option.rmempty !== false))
				continue;
			option.write(section, value);
		}

		return uci.save().then(() => {
			ui.hideModal();
			this.map.draw();
		});
	}
});

const Form = baseclass.extend({
	__init__(config) {
		Object.assign(this, { config, children: [], readonly: !L.hasViewPermission(), node: E('div', { 'class': 'cbi-map' }) });
	},

	section(kind, ...words) {
		const section = new kind(this, ...words);

		this.children.push(section);

		return section;
	},

	draw() {
		dom.content(this.node, this.children.map(section => section.render()));
	},

	render() {
		return uci.load(this.config).then(() => this.draw()).then(() => this.node);
	}
});

return {
	Map: Form, GridSection,
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
