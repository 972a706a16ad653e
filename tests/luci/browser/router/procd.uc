// What the pages of LuCI itself ask of procd, which does not run here.

'use strict';

return {
	system: {
		board: {
			call: () => ({
				kernel: '6.12.0', hostname: 'OpenWrt', system: 'lab', model: 'lab', board_name: 'lab',
				release: { distribution: 'OpenWrt', version: 'lab', revision: 'r0', target: 'x86/64', description: 'OpenWrt lab' }
			})
		},
		info: {
			call: () => ({
				localtime: time(), uptime: 3600, load: [ 0, 0, 0 ],
				memory: { total: 134217728, free: 67108864, shared: 0, buffered: 0, available: 67108864, cached: 0 },
				root: { total: 1024, free: 512, used: 512, avail: 512 }, tmp: { total: 1024, free: 512, used: 512, avail: 512 },
				swap: { total: 0, free: 0 }
			})
		}
	},
	service: {
		list: { call: () => ({}) }
	}
};
