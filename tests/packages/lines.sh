#!/bin/sh
# Prints a fenced block of a document, to be run on a router: its lines as they are, with another
# address in the place of our feed's.
#
#   lines.sh DOCUMENT NAME [ADDRESS]
#
# NAME is what follows ```sh at the beginning of the block.
set -eu
feed=https://mape-rs.github.io/mape-rs
sed -n "/^ *\`\`\`sh $2\$/,/^ *\`\`\`\$/s/^ *//p" "$1" | sed '/^```/d' | sed "s|$feed|${3:-$feed}|g" | grep . || {
	echo "$1 has no block \`\`\`sh $2" >&2
	exit 1
}
