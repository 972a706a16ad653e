# shellcheck shell=sh
# A machine that boots twice, with one disk: what is in /keep when it goes down is there again.
# Source it.
#
# The disk has no file system: a word in its first sector, and a tar archive behind it.

DISK=/dev/vda
[ -b $DISK ] || DISK=/dev/ubda
KEPT='/keep follows'

disk_is_new() {
	mkdir -p /keep
	[ "$(dd if=$DISK bs=512 count=1 2>/dev/null | tr -d '\0')" != "$KEPT" ]
}

# disk_keep TEXT: with a text for the next boot, which finds it in /keep/failed.
disk_keep() {
	printf '%s' "$1" >/keep/failed
	tar -C /keep -cf - . | dd of=$DISK bs=512 seek=1 conv=notrunc 2>/dev/null
	printf '%s' "$KEPT" | dd of=$DISK conv=notrunc 2>/dev/null
	sync
}

disk_restore() {
	dd if=$DISK bs=512 skip=1 2>/dev/null | tar -C /keep -xf -
}
