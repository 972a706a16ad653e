#!/bin/sh
# Another package.
add_protocol mape
