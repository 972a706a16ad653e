'use strict';
'require form';

return { NetworkSelect: form.Value.extend({}) };
