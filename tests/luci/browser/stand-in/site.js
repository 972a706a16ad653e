'use strict'; module.exports = { StandIn: null };
