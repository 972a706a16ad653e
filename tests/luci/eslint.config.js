// The rules that LuCI holds its own files to, and what we hold ours to beyond: no markup from
// strings, no style in markup, texts that the extraction can read.

import js from '@eslint/js';
import json from '@eslint/json';
import globals from 'globals';

const MODULES = ['baseclass', 'dom', 'firewall', 'form', 'network', 'poll', 'rpc', 'uci', 'ui', 'view', 'widgets'];
const OURS = ['advanced', 'api', 'contract', 'detection', 'draw', 'forwards', 'history', 'model', 'patch', 'restart', 'rule', 'rules', 'sections', 'tabs', 'text', 'usage'];

const readonly = names => Object.fromEntries(names.map(name => [name, 'readonly']));

const MARKUP = 'this takes its value for markup';

export default [
	{ ignores: ['**/node_modules/**'] },
	{
		files: ['**/*.js'],
		...js.configs.recommended,
	},
	{
		files: ['luci-app-mape/**/*.js'],
		languageOptions: {
			sourceType: 'script',
			ecmaVersion: 2026,
			parserOptions: { ecmaFeatures: { globalReturn: true } },
			globals: { ...globals.browser, ...readonly(['_', 'N_', 'L', 'E', ...MODULES, ...OURS]) },
		},
		rules: {
			strict: 'off',
			'no-prototype-builtins': 'off',
			'no-empty': 'off',
			'no-regex-spaces': 'off',
			'no-control-regex': 'off',
			'no-unused-vars': ['error', { varsIgnorePattern: `^(${[...MODULES, ...OURS].join('|')})$`, caughtErrors: 'none' }],
			'no-undef': 'error',
			// To jsmin a slash behind `=>` divides.
			'wrap-regex': 'error',
			'no-eval': 'error',
			'no-restricted-properties': ['error',
				...['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'createContextualFragment']
					.map(property => ({ property, message: MARKUP })),
				{ object: 'document', property: 'write', message: MARKUP },
				{ object: 'window', property: 'open', message: 'nothing outside of the router is opened' }],
			'no-restricted-globals': ['error', 'fetch', 'XMLHttpRequest', 'WebSocket', 'EventSource'],
			'no-restricted-syntax': ['error',
				{
					selector: "CallExpression[callee.name='E'] > :not(ArrayExpression, CallExpression[callee.property.name='map']).arguments:nth-child(3)",
					message: `children of E() stand in an array: ${MARKUP} otherwise`,
				},
				{
					selector: "CallExpression[callee.name='E'] > ObjectExpression > Property[key.value=/^(style|on.*)$/]",
					message: 'a strict CSP refuses this attribute',
				},
				{
					selector: 'TemplateLiteral TemplateLiteral',
					message: "LuCI's jsmin does not see where the inner one ends",
				},
				{
					selector: "CallExpression[callee.name='_'] > :not(Literal).arguments:first-child",
					message: 'the extraction reads literals only',
				}],
		},
	},
	{
		files: ['tests/luci/**/*.js'],
		languageOptions: { sourceType: 'module', ecmaVersion: 2024, globals: { ...globals.node } },
	},
	{
		// Some of its functions run in the page.
		files: ['tests/luci/browser/**/*.js'],
		languageOptions: { sourceType: 'commonjs', ecmaVersion: 2024, globals: { ...globals.node, ...globals.browser, L: 'readonly', E: 'readonly' } },
		rules: { 'no-unused-vars': ['error', { args: 'none' }] },
	},
	{
		// Bodies of functions, as LuCI's own modules are.
		files: ['tests/luci/browser/stand-in/resources/**/*.js'],
		languageOptions: { sourceType: 'script', parserOptions: { ecmaFeatures: { globalReturn: true } }, globals: readonly([...MODULES, 'mape', 'widget', '_']) },
	},
	{
		files: ['**/*.json'],
		ignores: ['**/package-lock.json'],
		language: 'json/json',
		plugins: { json },
		rules: { ...json.configs.recommended.rules },
	},
];
