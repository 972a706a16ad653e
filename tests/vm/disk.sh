# shellcheck shell=sh
# A machine that boots twice, with one disk: what is in /keep when it goes down is there again. Source it.
#
# The disk has no file system: a word in its first sector, and a tar archive behind it.

DISK=/dev/vda

# disk_mark WORD
disk_mark() {
	printf '%-512s' "$1" | dd of=$DISK bs=512 count=1 conv=notrunc 2>/dev/null
	sync
}

# The first boot. A third one, or one that nobody asked for, fails.
disk_is_new() {
	disk_word=$(dd if=$DISK bs=512 count=1 2>/dev/null | tr -d '\0 ')
	disk_mark running
	case $disk_word in
	'') mkdir -p /keep ;;
	kept) return 1 ;;
	*)
		echo "the machine has started anew by itself"
		exit 1
		;;
	esac
}

# disk_keep TEXT: with a text for the next boot, which finds it in /keep/failed.
disk_keep() {
	printf '%s' "$1" >/keep/failed
	tar -C /keep -cf - . | dd of=$DISK bs=512 seek=1 conv=notrunc 2>/dev/null
	disk_mark kept
}

disk_restore() {
	mkdir -p /keep
	dd if=$DISK bs=512 skip=1 2>/dev/null | tar -C /keep -xf -
}
