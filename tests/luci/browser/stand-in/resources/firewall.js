'use strict';
'require baseclass';

return baseclass.extend({
	getZone: () => Promise.resolve(null)
});
